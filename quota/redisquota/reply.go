package redisquota

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// answer is what a script returned.
type answer struct {
	word    string
	now     time.Time // on the server's clock
	came    time.Time // on ours
	numbers []int64
}

// call calls a script once.
func (s *Store) call(ctx context.Context, script string, keys []string, args ...any) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	reply, err := s.script(ctx, script, keys, args...)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(reply)
}

// do calls a script that answers ok.
func (s *Store) do(ctx context.Context, script string, keys []string, args ...any) error {
	a, err := s.call(ctx, script, keys, args...)
	if err == nil && a.word != "ok" {
		err = errWord(a.word)
	}
	return err
}

func readAnswer(reply any) (a answer, err error) {
	parts, ok := reply.([]any)
	if !ok {
		return a, errReply(fmt.Sprintf("a %T", reply), "a list ([]any)")
	}
	if len(parts) < 2 {
		return a, errReply("a list of "+strconv.Itoa(len(parts)), "a word, a time and numbers")
	}
	a.came, a.numbers = time.Now(), make([]int64, len(parts)-1)
	for i, part := range parts {
		t, err := text(part)
		switch {
		case err != nil:
			return a, err
		case i == 0:
			a.word = t
		default:
			if a.numbers[i-1], err = strconv.ParseInt(t, 10, 64); err != nil {
				return a, errReply("a list with "+strconv.Quote(t), "a number there")
			}
		}
	}
	a.now, a.numbers = time.UnixMicro(a.numbers[0]), a.numbers[1:]
	return a, nil
}

// standings are what the numbers say of the limits: what is used and when there is room, for each.
func (a answer) standings(limits []quota.Limit) ([]quota.Standing, error) {
	if len(a.numbers) != 2*len(limits) {
		return nil, errReply("a list of "+strconv.Itoa(len(a.numbers)+2), "one of "+strconv.Itoa(2*len(limits)+2))
	}
	standings := make([]quota.Standing, len(limits))
	for i := range standings {
		standings[i].Used = a.numbers[2*i]
		if t := a.numbers[2*i+1]; t > 0 {
			standings[i].RoomAt = a.time(t, limits[i].Window.Kind())
		}
	}
	return standings, nil
}

// time is one of the server's as the caller is told it. A day ends when it ends; how long it is until a rolling window has
// room is what matters there, whatever the server's clock says.
func (a answer) time(at int64, kind quota.WindowKind) time.Time {
	t := time.UnixMicro(at)
	if kind == quota.WindowRolling {
		return a.came.Add(t.Sub(a.now))
	}
	return t
}

// errReply says that the server's answer is none of the script's.
func errReply(got, want string) error {
	return fmt.Errorf("the reply is %s, want %s: does Config.Script return what the script returns, unchanged?", got, want)
}

func errWord(word string) error {
	return errReply("a list that begins with "+strconv.Quote(word), "another word")
}

// text is a part that is text.
func text(part any) (string, error) {
	switch t := part.(type) {
	case string:
		return t, nil
	case []byte:
		return string(t), nil
	default:
		return "", errReply(fmt.Sprintf("a list with a %T", part), "text (string or []byte) there")
	}
}
