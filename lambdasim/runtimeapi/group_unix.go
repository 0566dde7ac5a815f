//go:build unix

package runtimeapi

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the process lead a group of its own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process and whatever else is in its group.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// terminate asks the process to end. What it has started is not asked.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// freezeGroup stops a process and whatever else is in its group.
func freezeGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGSTOP) }

// thawGroup has a process group go on.
func thawGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }
