//go:build unix

package runtimeapi

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the process lead a group of its own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process and its group.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// terminate asks the process to end, but not its children.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// freezeGroup stops the process and its group.
func freezeGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGSTOP) }

// thawGroup continues the process and its group.
func thawGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }
