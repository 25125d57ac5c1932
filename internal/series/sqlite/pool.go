package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// openFiles is how many files a store keeps open besides those that are in use. Beyond
// it, the one that was not used for longest is closed.
const openFiles = 12

// pool keeps files open. It is safe for concurrent use.
type pool struct {
	log  *slog.Logger
	path func(fileKey) string

	mu    sync.Mutex // guards what follows
	files map[fileKey]*file
	// closing are files that are closed because others are needed. Nobody opens one again
	// until that is done: the two would be in each other's way.
	closing map[fileKey]chan struct{}
	uses    uint64
	closed  bool
}

// errNoFile says that there is no file of a day.
var errNoFile = errors.New("there is no such file")

// acquire is a file to be used until it is released. The error is errNoFile where there
// is none.
func (p *pool) acquire(ctx context.Context, key fileKey) (*file, error) {
	path := p.path(key)
	if err := p.await(ctx, key); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNoFile
	case err != nil:
		return nil, err
	}
	f, stale := p.take(key, path, info)
	if f == nil {
		return nil, errClosed
	}
	if stale != nil {
		p.release(stale)
	}
	f.once.Do(func() {
		if f.err = f.open(context.WithoutCancel(ctx)); f.err != nil {
			p.doom(f)
		}
	})
	if f.err != nil {
		p.release(f)
		return nil, key.of(f.err)
	}
	return f, nil
}

// await waits until a file is closed that is being closed.
func (p *pool) await(ctx context.Context, key fileKey) error {
	p.mu.Lock()
	closed, ok := p.closing[key]
	p.mu.Unlock()
	if !ok {
		return nil
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// usable is errClosed once the pool is closed: a closed store must not seem empty.
func (p *pool) usable() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	return nil
}

// take counts one more user of a file. One that was removed and made again, as by another
// process, is stale: it is to be released.
func (p *pool) take(key fileKey, path string, info os.FileInfo) (f, stale *file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil
	}
	f = p.files[key]
	if f != nil && !os.SameFile(f.info, info) {
		stale, f = f, nil
		stale.doomed = true
		stale.refs++
	}
	if f == nil {
		f = &file{key: key, path: path, info: info}
		p.files[key] = f
	}
	p.uses++
	f.used = p.uses
	f.refs++
	return f, stale
}

// current reports whether a file is still the one of its name.
func (p *pool) current(f *file) bool {
	info, err := os.Stat(f.path)
	return err == nil && os.SameFile(info, f.info)
}

// doom has a file closed once nobody uses it.
func (p *pool) doom(f *file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.doomed = true
	if p.files[f.key] == f {
		delete(p.files, f.key)
	}
}

// release ends the use of a file.
func (p *pool) release(f *file) {
	for _, victim := range p.victims(f) {
		if err := victim.close(); err != nil {
			p.log.Warn("file of the store not closed", "err", err)
		}
		p.done(victim)
	}
}

// done ends the wait for a file that was being closed.
func (p *pool) done(f *file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if closed, ok := p.closing[f.key]; ok && !f.doomed {
		close(closed)
		delete(p.closing, f.key)
	}
}

// victims are the files to be closed.
func (p *pool) victims(f *file) (all []*file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.refs--
	if f.doomed && f.refs == 0 {
		all = append(all, f)
	}
	for len(p.files) > openFiles {
		var oldest *file
		for _, other := range p.files {
			if other.refs == 0 && (oldest == nil || other.used < oldest.used) {
				oldest = other
			}
		}
		if oldest == nil {
			break
		}
		delete(p.files, oldest.key)
		p.closing[oldest.key] = make(chan struct{})
		all = append(all, oldest)
	}
	return all
}

// forget closes a file that is to be removed, once nobody uses it.
func (p *pool) forget(key fileKey) {
	p.mu.Lock()
	f := p.files[key]
	if f != nil {
		f.refs++
		f.doomed = true
		delete(p.files, key)
	}
	p.mu.Unlock()
	if f != nil {
		p.release(f)
	}
}

// close closes all.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for key, f := range p.files {
		errs = append(errs, f.close())
		delete(p.files, key)
	}
	return errors.Join(errs...)
}
