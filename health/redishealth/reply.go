package redishealth

import (
	"fmt"
	"strconv"
)

// errReply says that the server's answer is none of the script's.
func errReply(got, want string) error {
	return fmt.Errorf("the reply is %s, want %s: does Config.Script return what the script returns, unchanged?", got, want)
}

// list is a reply of n parts; negative: of any number.
func list(reply any, n int) ([]any, error) {
	parts, ok := reply.([]any)
	if !ok {
		return nil, errReply(fmt.Sprintf("of type %T", reply), "a list ([]any)")
	}
	if n >= 0 && len(parts) != n {
		return nil, errReply("a list of "+strconv.Itoa(len(parts)), "one of "+strconv.Itoa(n))
	}
	return parts, nil
}

// text is a part that is text; nil is the empty one.
func text(part any) (string, error) {
	switch t := part.(type) {
	case nil:
		return "", nil
	case string:
		return t, nil
	case []byte:
		return string(t), nil
	default:
		return "", errReply(fmt.Sprintf("a list with a part of type %T", part), "text (string or []byte) or nil there")
	}
}
