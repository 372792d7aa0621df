package balancer

import (
	"fmt"
	"runtime"
)

// whatPanicked says what is known of a panic. Where the credential is no key that could
// be looked for in it, only its own words are shown that Go itself has put together.
func (m *member) whatPanicked(v any) string {
	bug, ours := v.(runtime.Error)
	switch {
	case v == nil:
		return "a layer has ended its goroutine: the log says which"
	case ours:
		return "panic: " + bug.Error() + ": the log says where"
	case m.static:
		return "panic: " + (&attempt{member: m}).mask(fmt.Sprint(v)) + ": the log says where"
	default:
		return fmt.Sprintf("panic: a value of type %T: the log says where", v)
	}
}
