package troupe

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

const defaultConcurrency = 16

// environmentSettings reads the POWERTOOLS_BATCH_… variables (SPEC O4). Names of policies and booleans are
// read in any letter case; an empty variable is an unset one.
func environmentSettings(getenv func(string) string) (*settings, error) {
	s := &settings{errorWhen: ErrorWhenAll}
	s.supervisor.Concurrency = defaultConcurrency

	const policy = "POWERTOOLS_BATCH_ERROR_HANDLING_POLICY"
	switch value := getenv(policy); strings.ToLower(value) {
	case "", "derivefromevent":
	case "continueonbatchitemfailure":
		s.policy = Continue
	case "stoponfirstbatchitemfailure":
		s.policy = StopBatch
	default:
		return nil, fmt.Errorf("troupe: %s=%q: allowed are DeriveFromEvent, ContinueOnBatchItemFailure and StopOnFirstBatchItemFailure", policy, value)
	}

	parallel, err := boolean(getenv, "POWERTOOLS_BATCH_PARALLEL_ENABLED", true)
	if err != nil {
		return nil, err
	}
	const degree = "POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM"
	if value := getenv(degree); value != "" {
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 1 && n != -1:
			return nil, fmt.Errorf("troupe: %s=%q: allowed are -1 (the number of CPUs) and whole numbers from 1", degree, value)
		case n == -1:
			n = runtime.NumCPU()
		}
		s.supervisor.Concurrency = n
	}
	if !parallel {
		s.supervisor.Concurrency = 1
	}

	throw, err := boolean(getenv, "POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE", true)
	if err != nil {
		return nil, err
	}
	if !throw {
		s.errorWhen = ErrorWhenNever
	}
	return s, nil
}

func boolean(getenv func(string) string, name string, unset bool) (bool, error) {
	value := getenv(name)
	switch strings.ToLower(value) {
	case "":
		return unset, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("troupe: %s=%q: allowed are true and false", name, value)
	}
}
