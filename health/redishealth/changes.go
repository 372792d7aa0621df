package redishealth

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aitransport/aitransport/health"
)

const pageSize = 500

// Changes implements [health.Changer], in one call of the script a page. What was forgotten is told for ten minutes, or
// until [Config.MaxSubjects] more were forgotten; a cursor from before that is too old.
func (s *Store) Changes(ctx context.Context, cursor string) (health.Changes, error) {
	if err := ctx.Err(); err != nil {
		return health.Changes{}, err
	}
	at := parseCursor(cursor)
	reply, err := s.script(ctx, changesScript, []string{s.states, s.changes, s.meta}, at.epoch, at.seen, at.base, strconv.Itoa(pageSize))
	if err != nil {
		return health.Changes{}, s.failed("changes", err)
	}
	page, err := s.readPage(reply)
	if err != nil {
		return health.Changes{}, s.failed("changes", err)
	}
	return page, nil
}

// position is a cursor in its parts. The numbers are those of changes, in decimal.
type position struct {
	epoch string // the store's name
	seen  string // the last change that was told
	base  string // the last change there was when the list of everything began
}

// nowhere is the position of a cursor that is empty or not one of this store: no store is called "?".
var nowhere = position{epoch: "?", seen: "0", base: "0"}

func (p position) cursor() string {
	if p.epoch == "" {
		return "" // the store is empty and has no name yet
	}
	return p.epoch + "." + p.seen + "." + p.base
}

func parseCursor(cursor string) position {
	parts := strings.Split(cursor, ".")
	if len(cursor) > 100 || len(parts) != 3 {
		return nowhere
	}
	for _, n := range parts[1:] {
		if _, err := strconv.ParseUint(n, 10, 53); err != nil { // numbers in Lua have 53 bits
			return nowhere
		}
	}
	return position{parts[0], parts[1], parts[2]}
}

func (s *Store) readPage(reply any) (page health.Changes, err error) {
	parts, err := list(reply, 6)
	if err != nil {
		return page, err
	}
	var head [5]string
	for i := range head {
		if head[i], err = text(parts[i]); err != nil {
			return page, err
		}
	}
	page.Anew, page.More = head[0] == "1", head[4] == "1"
	page.Next = position{head[1], head[2], head[3]}.cursor()
	page.States, err = s.readChanges(parts[5])
	return page, err
}

// readChanges takes subjects and states in turn, and passes over those that cannot be read.
func (s *Store) readChanges(reply any) ([]health.Change, error) {
	parts, err := list(reply, -1)
	if err != nil {
		return nil, err
	}
	if len(parts)%2 != 0 {
		return nil, errReply("a list of "+strconv.Itoa(len(parts)), "pairs of subject and state")
	}
	changes := make([]health.Change, 0, len(parts)/2)
	for pair := range slices.Chunk(parts, 2) {
		name, err := text(pair[0])
		if err != nil {
			return nil, err
		}
		stored, err := text(pair[1])
		if err != nil {
			return nil, err
		}
		change, err := readChange(name, stored)
		if err != nil {
			s.odd.report(change.Subject, name, stored, err)
			continue
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// readChange is the change of a name; where its state cannot be read, it has the subject.
func readChange(name, stored string) (c health.Change, err error) {
	const enough = 100 // bytes
	if c.Subject, err = subjectOf(name); err != nil {
		return c, fmt.Errorf("the name of a subject, %q, %w", name[:min(len(name), enough)], err)
	}
	c.State, err = readState(stored)
	return c, err
}
