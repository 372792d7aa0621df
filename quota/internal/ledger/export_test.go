package ledger

import "github.com/aitransport/aitransport/quota"

// ParseWindow is the window of an ID that was not seen before.
var ParseWindow = windowOfNew

func windowOfNew(id string) (w quota.Window, err error) {
	windows.Lock()
	delete(windows.byID, id)
	windows.Unlock()
	return windowOf(id)
}
