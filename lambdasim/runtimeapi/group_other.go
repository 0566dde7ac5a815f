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

// terminate ends the process: it cannot be asked to.
func terminate(p *os.Process) { _ = p.Kill() }

func freezeGroup(*os.Process) {}

func thawGroup(*os.Process) {}
