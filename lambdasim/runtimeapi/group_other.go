//go:build !unix

package runtimeapi

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: there are no process groups here.
func ownGroup(*exec.Cmd) {}

// killGroup kills the process alone.
func killGroup(p *os.Process) { _ = p.Kill() }

// terminate kills the process, which cannot be asked to end on this platform.
func terminate(p *os.Process) { _ = p.Kill() }

func freezeGroup(*os.Process) {}

func thawGroup(*os.Process) {}
