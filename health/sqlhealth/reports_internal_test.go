package sqlhealth

import (
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
)

func TestReportsAreBounded(t *testing.T) {
	told := 0
	r := reports{tell: func(health.Subject, error) { told++ }}
	for range 2 {
		for i := range 3 * maxReports {
			r.report(health.Subject{Kind: health.KindAccountModel, Name: "a", Model: strconv.Itoa(i)}, errors.New("damaged"))
		}
	}
	assert.Equal(t, maxReports, told, "each once")
	assert.Len(t, r.told, maxReports, "callers may make up models")
}
