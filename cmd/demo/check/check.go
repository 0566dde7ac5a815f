package check

import (
	"errors"
	"fmt"
)

// File is a file to check.
type File struct {
	Name string
	Data []byte
}

// Report is the result of checking a set of files.
type Report struct {
	Findings []Finding // faults that lose every failed record, other faults, undecided rules; each by file and line
	Mappings int       // event source mappings that were checked
	Queues   int
	Pipes    int
	Files    int
}

// Faults returns the number of findings that are faults, and the number of undecided rules.
func (r Report) Faults() (faults, open int) {
	for _, f := range r.Findings {
		if f.Known {
			faults++
		} else {
			open++
		}
	}
	return faults, open
}

var errFormat = errors.New("must be a SAM or CloudFormation template, the output of terraform show -json, or JSON of the AWS CLI (list-event-source-mappings, get-function-configuration, get-queue-attributes)")

// Check reads files and applies the rules to all of them together. The error concerns the first file that cannot be
// read.
func Check(files ...File) (Report, error) {
	var j judge
	for _, f := range files {
		d, err := read(f)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		j.deployment.add(d)
	}
	return Report{Findings: j.all(), Mappings: len(j.mappings), Queues: len(j.queues), Pipes: len(j.pipes), Files: len(files)}, nil
}

// read reads a file of any format.
func read(f File) (all deployment, err error) {
	documents, err := parse(f.Data)
	if err != nil {
		return deployment{}, fmt.Errorf("not YAML or JSON: %w", err)
	}
	if len(documents) == 0 {
		return deployment{}, errors.New("the file is empty")
	}
	for _, root := range documents {
		d, ok := readAWS(f.Name, root)
		switch {
		case ok:
		case isTerraform(root):
			d = readTerraform(f.Name, root)
		case isTemplate(root):
			d = readTemplate(f.Name, root)
		default:
			return deployment{}, errFormat
		}
		all.add(d)
	}
	return all, nil
}
