package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lambda starts the file bootstrap at the root of the zip, which has to be executable
// (https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html).
func TestTheZipHoldsAnExecutableBootstrapAndIsTheSameEachTime(t *testing.T) {
	var zips [2]bytes.Buffer
	for i := range zips {
		binary := filepath.Join(t.TempDir(), "built")
		require.NoError(t, os.WriteFile(binary, []byte("the function"), 0o600))
		require.NoError(t, os.Chtimes(binary, time.Now(), time.Now().Add(time.Duration(i)*time.Hour)))
		require.NoError(t, pack(&zips[i], binary))
	}
	assert.Equal(t, zips[0].Bytes(), zips[1].Bytes())

	archive, err := zip.NewReader(bytes.NewReader(zips[0].Bytes()), int64(zips[0].Len()))
	require.NoError(t, err)
	require.Len(t, archive.File, 1)
	entry := archive.File[0]
	assert.Equal(t, "bootstrap", entry.Name)
	assert.Equal(t, fs.FileMode(0o755), entry.Mode())
	content, err := entry.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(content)
	require.NoError(t, err)
	assert.Equal(t, "the function", string(text))
}
