package redishealth

import (
	"context"
	"strconv"
	"strings"

	"github.com/aitransport/aitransport/health"
)

const pageSize = 500

// Changes implements [health.Changer], in one call of the script a page. What was forgotten is told for ten minutes, or
// until [Config.MaxSubjects] more were forgotten; a cursor from before that is too old. A state that this version cannot
// read is an error.
func (s *Store) Changes(ctx context.Context, cursor string) (health.Changes, error) {
	if err := ctx.Err(); err != nil {
		return health.Changes{}, err
	}
	at := parseCursor(cursor)
	reply, err := s.script(ctx, changesScript, []string{s.states, s.changes, s.meta}, at.epoch, at.seen, at.base, strconv.Itoa(pageSize))
	if err != nil {
		return health.Changes{}, s.failed("changes", err)
	}
	page, err := readPage(reply)
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

func readPage(reply any) (page health.Changes, err error) {
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
	page.States, err = readChanges(parts[5])
	return page, err
}

// readChanges takes subjects and states in turn.
func readChanges(reply any) ([]health.Change, error) {
	parts, err := list(reply, -1)
	if err != nil {
		return nil, err
	}
	if len(parts)%2 != 0 {
		return nil, errReply("a list of "+strconv.Itoa(len(parts)), "pairs of subject and state")
	}
	changes := make([]health.Change, len(parts)/2)
	for i := range changes {
		name, err := text(parts[2*i])
		if err != nil {
			return nil, err
		}
		if changes[i].Subject, err = subjectOf(name); err != nil {
			return nil, err
		}
		if changes[i].State, err = stateOf(parts[2*i+1]); err != nil {
			return nil, err
		}
	}
	return changes, nil
}
