package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// account is the server's only one, and the name of its folder.
const account = "$G"

// errUnrecovered means that the server passed over something that is on disk.
// It does so with a warning, for instance where the disk is full at its start;
// the stream would then be made anew, or a session's place in it, and what was
// acknowledged would be gone without a word.
var errUnrecovered = errors.New("start broker: the server did not recover what is on disk; its log lines say why. " +
	"Mostly the disk is full or broken: make room and start again. Move the folder away only if what it holds may be lost")

// stored are the streams and durable consumers on disk: the folder of each by
// its name, a consumer's being stream > consumer.
func stored(dir string) map[string]string {
	found := map[string]string{}
	streams := filepath.Join(dir, "jetstream", account, "streams")
	for _, stream := range folders(streams) {
		folder := filepath.Join(streams, stream)
		if _, err := os.Stat(filepath.Join(folder, metaFile)); err != nil || stream[0] == '.' {
			continue // never finished, or being deleted
		}
		found[stream] = folder
		for _, consumer := range folders(filepath.Join(folder, "obs")) {
			if folder := filepath.Join(folder, "obs", consumer); durable(folder) {
				found[stream+" > "+consumer] = folder
			}
		}
	}
	return found
}

func folders(dir string) (names []string) {
	entries, _ := os.ReadDir(dir) // one that cannot be read cannot be recovered either
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// durable reports whether a consumer's configuration is whole, and one that lasts.
func durable(folder string) bool {
	var config struct {
		Durable string `json:"durable_name"`
	}
	text, err := os.ReadFile(filepath.Join(folder, metaFile))
	if err != nil || json.Unmarshal(text, &config) != nil || config.Durable == "" {
		return false
	}
	_, err = os.Stat(filepath.Join(folder, sumFile))
	return err == nil
}

// verify reports what was on disk before the server's start and still is, but
// not in the server.
func verify(s *server.Server, before map[string]string) error {
	detail, err := s.JszAccount(&server.JSzOptions{Account: account, Streams: true, Consumer: true})
	if err != nil {
		if len(before) == 0 {
			return nil
		}
		return fmt.Errorf("%w: %w", errUnrecovered, err)
	}
	for _, stream := range detail.Streams {
		delete(before, stream.Name)
		for _, c := range stream.Consumer {
			delete(before, stream.Name+" > "+c.Name)
		}
	}
	for name, folder := range before {
		if _, err := os.Stat(folder); err == nil {
			return fmt.Errorf("%w: %s in %s", errUnrecovered, name, folder)
		}
	}
	return nil
}
