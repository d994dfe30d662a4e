// What servers say about failure, waiting and limits, and what we make of it.
#include <QTest>

#include <cmath>

#include "base/clock.h"
#include "base/json.h"
#include "providers/rules.h"

using namespace retort;
using namespace retort::providers;

class TestRules : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void waits() {
    const std::int64_t now = *parseIsoTime("2026-01-01T00:00:00Z");
    QCOMPARE(*retryAfter({{"retry-after", "3"}}, now), 3.0);
    QCOMPARE(*retryAfter({{"retry-after", "3"}, {"retry-after-ms", "1500"}}, now), 1.5);
    QCOMPARE(*retryAfter({{"retry-after", "Thu, 01 Jan 2026 00:00:05 GMT"}}, now), 5.0);
    QCOMPARE(*retryAfter({{"retry-after", "Thu, 01 Jan 2015 00:00:05 GMT"}}, now), 0.0);
    for (const char* bad : {"garbage", "-1", "inf", "nan", "", "1e400", "99999999999"}) QVERIFY2(!retryAfter({{"retry-after", bad}}, now), bad);
    QCOMPARE(*retryAfter({{"retry-after", "2"}, {"retry-after-ms", "x"}}, now), 2.0);
  }

  void durations() {
    QCOMPARE(*parseDuration("6m0s"), 360.0);
    QCOMPARE(*parseDuration("12ms"), 0.012);
    QCOMPARE(*parseDuration("1h2m3s"), 3723.0);
    QCOMPARE(*parseDuration("1.5s"), 1.5);
    for (const char* bad : {"6x0s", "", "s", "5 minutes", "-1s", "1s2", "..s", "9999999999h"}) QVERIFY2(!parseDuration(bad), bad);
  }

  void limits() {
    const std::int64_t now = *parseIsoTime("2026-01-01T00:00:00Z");
    const auto hint = rateHint({{"x-ratelimit-limit-requests", "60"}, {"x-ratelimit-remaining-requests", "59"}, {"x-ratelimit-reset-requests", "6m0s"},
                                {"x-ratelimit-limit-tokens", "1000"}, {"x-ratelimit-remaining-tokens", "900"}, {"x-ratelimit-reset-tokens", "6x0s"}}, now);
    QCOMPARE(*hint.requests.resetSeconds, 360.0);
    QCOMPARE(*hint.requests.remaining, 59.0);
    QVERIFY(!hint.tokens.limit && !hint.tokens.remaining);   // its bucket alone is void
    const auto other = rateHint({{"anthropic-ratelimit-tokens-limit", "80000"}, {"anthropic-ratelimit-tokens-reset", "2026-01-01T00:01:00Z"}}, now);
    QCOMPARE(*other.tokens.resetSeconds, 60.0);
  }

  void classes_data() {
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("body");
    QTest::addColumn<QString>("want");
    const auto row = [](const char* name, int status, const char* body, const char* want) { QTest::newRow(name) << status << QString(body) << QString(want); };
    row("rate", 429, R"({"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}})", "retry");
    row("quota", 429, R"({"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}})", "pause-quota");
    row("key", 401, R"({"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}})", "pause-auth");
    row("anthropic key", 401, R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}})", "pause-auth");
    row("overloaded", 529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", "retry");
    row("billing", 400, R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}})", "pause-quota");
    row("context", 400, R"({"error":{"message":"This has a maximum context length of 8192 tokens","code":"context_length_exceeded"}})", "fail");
    row("parameter", 400, R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","param":"max_tokens","code":"unsupported_parameter"}})", "reshape");
    row("value", 400, R"({"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model.","param":"temperature"}})", "reshape");
    row("brackets", 400, R"({"error":{"message":"The request cannot be answered (response_format): this server writes text only. Leave it out."}})", "reshape");
    row("bare name", 400, R"({"error":{"message":"temperature is not supported by this model"}})", "reshape");
    row("a word", 400, R"({"error":{"message":"Unknown stop in the road"}})", "fail");
    row("too large", 400, R"({"error":{"message":"max_tokens is too large: at most 4096"}})", "fail");
    row("other 400", 400, R"({"error":{"message":"messages must not be empty"}})", "fail");
    row("filter", 400, R"({"error":{"code":"content_filter","message":"The prompt was filtered"}})", "fail");
    row("credits", 402, R"({"error":{"code":402,"message":"Insufficient credits"}})", "pause-quota");
    row("html", 503, "<html>busy</html>", "retry");
    row("missing", 404, R"({"error":{"message":"model not found"}})", "fail");
    row("redirect", 302, "", "fail");
    row("bedrock throttled", 429, R"({"message":"Too many requests"})", "retry");
    row("bedrock denied", 403, R"({"message":"not authorized"})", "pause-auth");
    row("bedrock 424", 424, R"({"message":"model error"})", "retry");
  }
  void classes() {
    QFETCH(int, status);
    QFETCH(QString, body);
    QFETCH(QString, want);
    const auto f = classifyHttp("t", status, body.toStdString(), {}, 0);
    QCOMPARE(QString::fromUtf8(errorClassName(f.errorClass).data()), want);
    QVERIFY(!f.error.text().empty());
  }

  void headersDecideToo() {
    QCOMPARE(classifyHttp("t", 500, "", {{"x-should-retry", "false"}}, 0).errorClass, ErrorClass::failItem);
    QCOMPARE(classifyHttp("t", 404, "", {{"x-should-retry", "true"}}, 0).errorClass, ErrorClass::retry);
    QCOMPARE(classifyHttp("t", 402, "", {{"retry-after", "5"}}, 0).errorClass, ErrorClass::retry);
    const auto f = classifyHttp("t", 400, R"({"error":{"message":"Unrecognized request argument supplied: 'seed'"}})", {{"x-request-id", "req_1"}}, 0);
    QCOMPARE(f.rejectedParameter, std::string("seed"));
    QVERIFY(f.error.where.find("req_1") != std::string::npos);
    const auto secret = classifyHttp("t", 401, R"({"error":{"message":"Incorrect API key provided: sk-planted1234567890"}})", {}, 0);
    QVERIFY2(secret.error.text().find("planted") == std::string::npos, secret.error.text().c_str());
  }

  void errorsInside200() {
    QCOMPARE(classifyErrorObject("t", Json{{"error", {{"type", "overloaded_error"}, {"message", "x"}}}}).errorClass, ErrorClass::retry);
    QCOMPARE(classifyErrorObject("t", Json{{"error", {{"code", 502}, {"message", "provider down"}}}}).errorClass, ErrorClass::retry);
    QCOMPARE(classifyErrorObject("t", Json{{"error", {{"type", "throttlingException"}, {"message", "Too many requests"}}}}).errorClass, ErrorClass::retry);
    QCOMPARE(classifyErrorObject("t", Json{{"error", "model requires more memory"}}).errorClass, ErrorClass::failItem);
    QCOMPARE(classifyErrorObject("t", Json::array()).errorClass, ErrorClass::failItem);
  }
};

QTEST_APPLESS_MAIN(TestRules)
#include "tst_rules.moc"
