package providertest

// The sets that a hit's credentials are found by, in lower case.
var (
	CredentialHeaders    = credentialHeaders
	CredentialParameters = credentialParameters
)
