package provider_test

import "github.com/aitransport/aitransport/provider"

var zhipuRows = []judged{
	{401, "", zhipuBody("1000"), auth, account}, {401, "", zhipuBody("1001"), auth, account},
	{401, "", zhipuBody("1002"), auth, account}, {401, "", zhipuBody("1003"), auth, account},
	{401, "", zhipuBody("1004"), auth, account}, {401, "", zhipuBody("1111"), auth, account},
	{429, "", zhipuBody("1110"), auth, account}, {429, "", zhipuBody("1112"), auth, account},
	{429, "", zhipuBody("1121"), auth, account},
	{403, "", zhipuBody("1220"), permission, pair}, {429, "", zhipuBody("1311"), permission, pair},
	{434, "", "", permission, pair}, {435, "", "", tooLarge, none},

	{429, "", zhipuBody("1113"), quota, account}, {429, "", zhipuBody("1304"), quota, account},
	{429, "", "zhipu/429-five-hours.json", quota, account}, {429, "", zhipuBody("1309"), quota, account},
	{429, "", zhipuBody("1310"), quota, account}, {429, "", zhipuBody("1316"), quota, account},
	{429, "", zhipuBody("1317"), quota, account}, {429, "", zhipuBody("1318"), quota, account},
	{429, "", zhipuBody("1319"), quota, account}, {429, "", zhipuBody("1320"), quota, account},
	{429, "", zhipuBody("1321"), quota, account},

	{429, "", "zhipu/429-concurrency.json", capacity, account}, {429, "", zhipuBody("1303"), capacity, account},
	{429, "", zhipuBody("1305"), overloaded, provided}, {429, "", zhipuBody("1312"), overloaded, provided},
	{429, "", zhipuBody("1313"), rate, account},
	{500, "", zhipuBody("1120"), transient, account}, {500, "", zhipuBody("1234"), transient, account},
	{500, "", zhipuBody("500"), transient, account}, {500, "", zhipuBody("1100"), transient, account},
	{500, "", zhipuBody("1200"), transient, account}, {500, "", zhipuBody("1230"), transient, account},

	{400, "", zhipuBody("1210"), invalid, none}, {400, "", zhipuBody("1212"), invalid, none},
	{400, "", zhipuBody("1213"), invalid, none}, {400, "", zhipuBody("1214"), invalid, none},
	{400, "", zhipuBody("1215"), invalid, none}, {400, "", zhipuBody("1231"), invalid, none},
	{400, "", zhipuBody("1211"), noModel, pair}, {400, "", zhipuBody("1221"), noModel, pair},
	{400, "", zhipuBody("1222"), noModel, pair},
	{400, "", zhipuBody("1261"), tooLong, none}, {400, "", zhipuBody("1301"), policy, none},
	{200, "", zhipuBody("1301"), policy, none},

	// The text, where there is no code.
	{429, "", zhipuText("您的账户余额不足"), quota, account}, {429, "", zhipuText("余额已用完"), quota, account},
	{429, "", zhipuText("余额不足或无可用资源包,请充值。"), quota, account}, {429, "", zhipuText("无可用资源包"), quota, account},
	{429, "", zhipuText("请充值后重试"), quota, account},
	{429, "", zhipuText("您的账户已被锁定,请联系客服解锁"), auth, account}, {429, "", zhipuText("账号已被锁定"), auth, account},
	{403, "", zhipuText("Your account has been locked, please contact support"), auth, account},

	// What a good answer says of itself.
	{200, "", zhipuFinished("sensitive"), policy, none},
	{200, "", zhipuFinished("network_error"), transient, account},
	{200, "", zhipuFinished("model_context_window_exceeded"), tooLong, none},
	{200, "", zhipuFinished("stop"), provider.ClassOK, none},
}

func zhipuBody(code string) string    { return `{"error":{"code":"` + code + `","message":"no"}}` }
func zhipuText(message string) string { return `{"error":{"message":"` + message + `"}}` }
func zhipuFinished(why string) string {
	return `{"choices":[{"index":0,"finish_reason":"` + why + `","message":{"content":""}}]}`
}
