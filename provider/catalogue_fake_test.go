package provider_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestCatalogueHasFakes fails for an entry of the catalogue that no fake speaks
// for.
func TestCatalogueHasFakes(t *testing.T) {
	for _, name := range provider.Names() {
		switch name {
		case "openai", "anthropic", "gemini": // have fakes of their own
			continue
		}
		require.NotPanics(t, func() {
			f := providertest.Compatible(name, providertest.Config{})
			assert.NotNil(t, f, name)
		}, name)
	}
}
