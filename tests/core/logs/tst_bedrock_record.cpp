// One fixture a dialect and spelling, each with the exact record that must come of it; repairs and reasons of rejection.
#include <QTest>

#include "logs/call.h"

// The class stands first: the meta-object compiler counts braces inside raw strings.
class TstBedrockRecord : public QObject {
  Q_OBJECT

 private slots:
  void converseWhole();
  void dialects_data();
  void dialects();
  void streams_data();
  void streams();
  void streamMetricsGiveLatency();
  void failedAndExternal();
  void imagesBecomePlaceholders();
  void promptFiles();
  void repairs();
  void rejectReasons_data();
  void rejectReasons();
  void models();
  void requestKeys();
  void previews();
  void sameContentHasOneHash();
};

using namespace retort;
using namespace retort::logs;

namespace {

/// A record around two bodies.
std::string envelope(const std::string& model, const std::string& operation, const std::string& input, const std::string& output, const std::string& more = {}) {
  return R"({"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"2026-03-02T06:00:00Z","accountId":"1","region":"eu-central-1",)"
         R"("requestId":"00000000-1111-4222-8333-444455556666","operation":")" + operation + R"(","modelId":")" + model + "\"," + more + R"("input":{"inputContentType":"application/json")" +
         (input.empty() ? "" : ",\"inputBodyJson\":" + input) + R"(},"output":{"outputContentType":"application/json")" + (output.empty() ? "" : ",\"outputBodyJson\":" + output) + R"(}})";
}

Record parsed(const std::string& line, const SpillLoader& spills = {}) {
  LineParser parser;
  Call call;
  ParseReject reject{};
  if (!parser.parse(line, false, spills, call, reject)) qFatal("rejected: %s: %s", rejectWord(reject.reason).data(), reject.detail.c_str());
  return std::move(call).toRecord();
}

std::string rejected(const std::string& line) {
  LineParser parser;
  Call call;
  ParseReject reject{};
  return parser.parse(line, false, {}, call, reject) ? "accepted" : std::string(rejectWord(reject.reason));
}

Json json(const char* text) { return Json::parse(text); }

#define COMPARE_JSON(actual, expected) QCOMPARE(dumpJson(actual), dumpJson(json(expected)))

}  // namespace

void TstBedrockRecord::converseWhole() {
  const Record r = parsed(envelope(
      "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-lite-v1:0", "Converse",
      R"({"messages":[{"role":"user","content":[{"text":"Which bin?"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"look","input":{"q":1}}}]},
          {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"bin":"blue"}},{"text":"soon"}]}},{"text":"So?"}]}],
          "system":[{"text":"You help."},{"text":"Briefly."}],"inferenceConfig":{"maxTokens":50,"temperature":0.5,"topP":0.9,"stopSequences":["X"]},
          "toolConfig":{"tools":[{"toolSpec":{"name":"look","description":"Looks","inputSchema":{"json":{"type":"object"}}}}]}})",
      R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"Blue."}]}},"stopReason":"end_turn",
          "usage":{"inputTokens":7,"outputTokens":3,"cacheReadInputTokens":10,"cacheWriteInputTokens":20},"metrics":{"latencyMs":412}})",
      R"("requestMetadata":{"env":"prod","tag#1,x":"a,b","empty":""},)"));
  QCOMPARE(r.requestId, std::string("00000000-1111-4222-8333-444455556666"));
  QCOMPARE(*r.timeUs, std::int64_t(1772431200000000));
  QCOMPARE(r.model, std::string("amazon.nova-lite-v1:0"));
  QCOMPARE(r.parser, std::string("converse"));
  QCOMPARE(r.status, std::string("ok"));
  QCOMPARE(r.stop, std::string("stop"));
  QCOMPARE(r.stopRaw, std::string("end_turn"));
  QCOMPARE(*r.inputTokens, std::int64_t(37));    // uncached + read + written
  QCOMPARE(*r.cachedTokens, std::int64_t(10));
  QCOMPARE(*r.outputTokens, std::int64_t(3));
  QCOMPARE(*r.latencyMs, std::int64_t(412));
  QVERIFY(!r.ttftMs);
  QCOMPARE(r.turns, 2);
  QCOMPARE(r.flags, std::uint32_t(kUuid | kJoined));   // a JSON value in it holds a number with a fraction
  QCOMPARE(r.metadata.size(), std::size_t(3));
  QCOMPARE(*r.metadataValue("tag#1,x"), std::string("a,b"));
  QCOMPARE(*r.metadataValue("empty"), std::string());
  COMPARE_JSON(r.messages, R"([{"role":"system","content":"You help.\nBriefly."},{"role":"user","content":"Which bin?"},
    {"role":"assistant","content":"","tool_calls":[{"id":"t1","type":"function","function":{"name":"look","arguments":"{\"q\":1}"}}]},
    {"role":"tool","content":"{\"bin\":\"blue\"}\nsoon","tool_call_id":"t1"},{"role":"user","content":"So?"}])");
  COMPARE_JSON(r.answer, R"({"role":"assistant","content":"Blue.","reasoning_content":"hm"})");
  COMPARE_JSON(r.tools, R"([{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object"}}}])");
  COMPARE_JSON(r.parameters, R"({"max_tokens":50,"temperature":0.5,"top_p":0.9,"stop":["X"]})");
  QVERIFY(r.isTrainable());
}

void TstBedrockRecord::dialects_data() {
  QTest::addColumn<QString>("model");
  QTest::addColumn<QString>("input");
  QTest::addColumn<QString>("output");
  QTest::addColumn<QString>("parser");
  QTest::addColumn<QString>("messages");
  QTest::addColumn<QString>("answer");
  QTest::addColumn<QString>("stop");
  QTest::addColumn<int>("inTokens");
  QTest::addColumn<int>("outTokens");
  const char* hi = R"([{"role":"user","content":"Hi"}])";
  const char* yes = R"({"role":"assistant","content":"Yes"})";
  QTest::newRow("nova") << "amazon.nova-micro-v1:0" << R"({"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"max_new_tokens":9}})"
                        << R"({"output":{"message":{"role":"assistant","content":[{"text":"Yes"}]}},"stopReason":"max_tokens","usage":{"inputTokens":4,"outputTokens":9}})" << "nova" << hi << yes << "length" << 4 << 9;
  QTest::newRow("claude") << "anthropic.claude-3-haiku-20240307-v1:0"
                          << R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"system":"S","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]})"
                          << R"({"type":"message","role":"assistant","content":[{"type":"text","text":"Yes"}],"stop_reason":"stop_sequence","usage":{"input_tokens":3,"output_tokens":1,"cache_read_input_tokens":2}})"
                          << "claude" << R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"}])" << yes << "stop" << 5 << 1;
  QTest::newRow("claude tools") << "anthropic.claude-3-haiku-20240307-v1:0"
                                << R"({"anthropic_version":"b","messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f","input_schema":{}}]})"
                                << R"({"content":[{"type":"tool_use","id":"u","name":"f","input":{"a":[1]}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":1}})" << "claude" << hi
                                << R"({"role":"assistant","content":"","tool_calls":[{"id":"u","type":"function","function":{"name":"f","arguments":"{\"a\":[1]}"}}]})" << "tool" << 3 << 1;
  QTest::newRow("claude legacy") << "anthropic.claude-v2" << R"({"prompt":"Be kind.\n\nHuman: Hi\n\nAssistant:","max_tokens_to_sample":10})" << R"({"completion":"Yes","stop_reason":"stop_sequence"})"
                                 << "claude-legacy" << R"([{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"}])" << yes << "stop" << -1 << -1;
  QTest::newRow("llama") << "meta.llama3-1-8b-instruct-v1:0"
                         << R"({"prompt":"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n","max_gen_len":5})"
                         << R"({"generation":"Yes","prompt_token_count":11,"generation_token_count":2,"stop_reason":"length"})" << "llama"
                         << R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"}])" << yes << "length" << 11 << 2;
  QTest::newRow("llama 2") << "meta.llama2-13b-chat-v1" << R"({"prompt":"<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nHi [/INST] Ho </s><s>[INST] Again [/INST]","max_gen_len":5})"
                           << R"({"generation":"Yes","stop_reason":"stop"})" << "llama"
                           << R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"},{"role":"user","content":"Again"}])" << yes << "stop" << -1 << -1;
  QTest::newRow("titan") << "amazon.titan-text-express-v1" << R"({"inputText":"User: Hi\nBot:","textGenerationConfig":{"maxTokenCount":8}})"
                         << R"({"inputTextTokenCount":6,"results":[{"tokenCount":2,"outputText":"Yes","completionReason":"CONTENT_FILTERED"}]})" << "titan" << hi << yes << "filtered" << 6 << 2;
  QTest::newRow("mistral text") << "mistral.mistral-7b-instruct-v0:2" << R"({"prompt":"<s>[INST] Hi [/INST]","max_tokens":4})" << R"({"outputs":[{"text":"Yes","stop_reason":"stop"}]})" << "mistral-text" << hi << yes
                                << "stop" << -1 << -1;
  QTest::newRow("mistral chat") << "mistral.mistral-large-2407-v1:0" << R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":4})"
                                << R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Yes"},"stop_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":4}})" << "mistral" << hi << yes << "length"
                                << 5 << 4;
  QTest::newRow("cohere r") << "cohere.command-r-v1:0"
                            << R"({"message":"Hi","preamble":"S","chat_history":[{"role":"USER","message":"A"},{"role":"CHATBOT","message":"B"}],"p":0.5})" << R"({"text":"Yes","finish_reason":"COMPLETE"})" << "cohere"
                            << R"([{"role":"system","content":"S"},{"role":"user","content":"A"},{"role":"assistant","content":"B"},{"role":"user","content":"Hi"}])" << yes << "stop" << -1 << -1;
  QTest::newRow("cohere command") << "cohere.command-text-v14" << R"({"prompt":"Hi","num_generations":1})" << R"({"generations":[{"text":"Yes","finish_reason":"ERROR_TOXIC"}]})" << "cohere-command" << hi << yes << "filtered" << -1
                                  << -1;
  QTest::newRow("deepseek") << "us.deepseek.r1-v1:0" << "{\"prompt\":\"<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>S<\uFF5CUser\uFF5C>Hi<\uFF5CAssistant\uFF5C>\",\"max_tokens\":4}"
                            << R"({"choices":[{"text":"Yes","stop_reason":"stop"}]})" << "deepseek" << R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"}])" << yes << "stop" << -1 << -1;
  QTest::newRow("openai shape") << "openai.gpt-oss-20b-1:0" << R"({"messages":[{"role":"developer","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"}]}],"max_completion_tokens":3})"
                                << R"({"choices":[{"message":{"role":"assistant","content":"Yes","tool_calls":[{"id":"c","type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":4}})"
                                << "openai" << R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"}])"
                                << R"({"role":"assistant","content":"Yes","tool_calls":[{"id":"c","type":"function","function":{"name":"g","arguments":"{}"}}]})" << "tool" << 5 << 4;
}
void TstBedrockRecord::dialects() {
  QFETCH(QString, model);
  QFETCH(QString, input);
  QFETCH(QString, output);
  QFETCH(QString, parser);
  QFETCH(QString, messages);
  QFETCH(QString, answer);
  QFETCH(QString, stop);
  QFETCH(int, inTokens);
  QFETCH(int, outTokens);
  const std::string in = input.toStdString(), out = output.toStdString();
  const auto quoted = [](const std::string& body) { return dumpJson(Json(body)); };
  // Each body as object, as JSON text, the response as array of one, and both under flat keys.
  const std::string flat = R"({"requestId":"00000000-1111-4222-8333-444455556666","timestamp":"2026-03-02T06:00:00Z","operation":"InvokeModel","modelId":")" + model.toStdString() +
                           R"(","input.inputBodyJson":)" + in + R"(,"output.outputBodyJson":)" + out + R"(})";
  const std::string plain = envelope(model.toStdString(), "InvokeModel", in, out);
  for (const auto& line : {plain, envelope(model.toStdString(), "InvokeModel", quoted(in), quoted(out)), envelope(model.toStdString(), "InvokeModel", in, "[" + out + "]"), flat,
                           R"({"message":)" + quoted(plain) + R"(})", R"({"@message":)" + plain + R"(,"@timestamp":"x"})"}) {
    const Record r = parsed(line);
    QCOMPARE(QString::fromStdString(r.parser), parser);
    QCOMPARE(dumpJson(r.messages), dumpJson(Json::parse(messages.toStdString())));
    QCOMPARE(dumpJson(r.answer), dumpJson(Json::parse(answer.toStdString())));
    QCOMPARE(QString::fromStdString(r.stop), stop);
    QCOMPARE(r.inputTokens.value_or(-1), std::int64_t(inTokens));
    QCOMPARE(r.outputTokens.value_or(-1), std::int64_t(outTokens));
    QCOMPARE(r.has(kRawPrompt), parser == "cohere-command");   // that one has no template
    QVERIFY(!r.latencyMs);           // unknown, never 0
  }
}

void TstBedrockRecord::streams_data() {
  QTest::addColumn<QString>("chunks");
  QTest::addColumn<QString>("answer");
  QTest::addColumn<QString>("stop");
  QTest::addColumn<int>("outTokens");
  QTest::addColumn<bool>("partial");
  const char* claude = R"([{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}},{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}},
    {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Ye"}},{"type":"ping"},{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"s"}},
    {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"u","name":"f","input":{}}},{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}},
    {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}},{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":17}},
    {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":17,"invocationLatency":800,"firstByteLatency":120}}])";
  const char* claudeAnswer = R"({"role":"assistant","content":"Yes","tool_calls":[{"id":"u","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]})";
  QTest::newRow("claude") << claude << claudeAnswer << "tool" << 17 << false;
  const char* yes = R"({"role":"assistant","content":"Yes"})";
  QTest::newRow("claude cut") << R"([{"type":"message_start","message":{}},{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Yes"}}])" << yes << "unknown" << -1 << true;
  QTest::newRow("llama") << R"([{"generation":"Ye","prompt_token_count":3,"generation_token_count":1,"stop_reason":null},{"generation":"s","generation_token_count":2,"stop_reason":"stop"}])" << yes << "stop" << 2 << false;
  QTest::newRow("llama cut") << R"([{"generation":"Ye","stop_reason":null},{"generation":"s","generation_token_count":2,"stop_reason":null}])" << yes << "unknown" << 2 << true;
  QTest::newRow("titan") << R"([{"outputText":"Ye","index":0,"totalOutputTextTokenCount":null,"completionReason":null},{"outputText":"s","index":0,"totalOutputTextTokenCount":4,"completionReason":"FINISH"}])" << yes << "stop" << 4 << false;
  QTest::newRow("mistral") << R"([{"choices":[{"index":0,"message":{"role":"assistant","content":"Ye"},"stop_reason":null}]},{"choices":[{"index":0,"message":{"content":"s"},"stop_reason":"length"}]}])" << yes << "length" << -1 << false;
  QTest::newRow("mistral text") << R"([{"outputs":[{"text":"Ye","stop_reason":null}]},{"outputs":[{"text":"s","stop_reason":"stop"}]}])" << yes << "stop" << -1 << false;
  QTest::newRow("nova") << R"([{"messageStart":{"role":"assistant"}},{"contentBlockDelta":{"delta":{"text":"Ye"},"contentBlockIndex":0}},{"contentBlockDelta":{"delta":{"text":"s"},"contentBlockIndex":0}},
    {"contentBlockStop":{"contentBlockIndex":0}},{"messageStop":{"stopReason":"end_turn"}},{"metadata":{"usage":{"inputTokens":3,"outputTokens":5},"metrics":{}}}])" << yes << "stop" << 5 << false;
  QTest::newRow("chunks as text") << R"(["{\"generation\":\"Ye\"}","{\"generation\":\"s\",\"stop_reason\":\"stop\"}"])" << yes << "stop" << -1 << false;
  QTest::newRow("chunks as base64") << R"([{"chunk":{"bytes":"eyJnZW5lcmF0aW9uIjoiWWVzIiwic3RvcF9yZWFzb24iOiJzdG9wIn0="}}])" << yes << "stop" << -1 << false;
  QTest::newRow("openai") << R"([{"choices":[{"delta":{"role":"assistant","content":"Ye"}}]},{"choices":[{"delta":{"content":"s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}])" << yes << "stop" << 2 << false;
  QTest::newRow("cohere") << R"([{"event_type":"stream-start"},{"event_type":"text-generation","text":"Ye"},{"event_type":"text-generation","text":"s"},{"event_type":"stream-end","finish_reason":"COMPLETE"}])" << yes << "stop" << -1 << false;
}
void TstBedrockRecord::streams() {
  QFETCH(QString, chunks);
  QFETCH(QString, answer);
  QFETCH(QString, stop);
  QFETCH(int, outTokens);
  QFETCH(bool, partial);
  const Record r = parsed(envelope("m.x", "InvokeModelWithResponseStream", R"({"prompt":"Hi"})", chunks.toStdString()));
  QCOMPARE(dumpJson(r.answer), dumpJson(Json::parse(answer.toStdString())));
  QCOMPARE(QString::fromStdString(r.stop), stop);
  QCOMPARE(r.outputTokens.value_or(-1), std::int64_t(outTokens));
  QCOMPARE(r.has(kPartial), partial);
  QCOMPARE(r.status, std::string(partial ? "incomplete" : "ok"));
  QCOMPARE(r.isTrainable(), !partial);
  QVERIFY(r.has(kRawPrompt));        // no template: one user turn
  // The same array without an envelope: a synthetic id, no time.
  const Record bare = parsed(chunks.simplified().toStdString());
  QVERIFY(bare.has(kSyntheticId) && bare.has(kNoTime) && !bare.timeUs);
  QCOMPARE(bare.requestId.size(), std::size_t(32));
  QCOMPARE(dumpJson(bare.answer), dumpJson(r.answer));
}

void TstBedrockRecord::streamMetricsGiveLatency() {
  const Record r = parsed(envelope("m.x", "InvokeModelWithResponseStream", R"({"prompt":"Hi"})",
                                   R"([{"generation":"a","stop_reason":"stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":5,"outputTokenCount":6,"invocationLatency":700,"firstByteLatency":90}}])"));
  QCOMPARE(*r.latencyMs, std::int64_t(700));
  QCOMPARE(*r.ttftMs, std::int64_t(90));
  QCOMPARE(*r.inputTokens, std::int64_t(5));
  QCOMPARE(*r.outputTokens, std::int64_t(6));
}

void TstBedrockRecord::failedAndExternal() {
  const Record failed = parsed(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", "", R"("errorCode":"ThrottlingException",)"));
  QCOMPARE(failed.status, std::string("error"));
  QCOMPARE(failed.errorCode, std::string("ThrottlingException"));
  QVERIFY(failed.has(kNoAnswer) && failed.stop.empty() && !failed.isTrainable());
  const std::string line = R"({"schemaType":"ModelInvocationLog","timestamp":"2026-03-02T06:00:00Z","requestId":"abc","operation":"Converse","modelId":"m.x","input":{"inputBodyS3Path":"s3://b/p/data/x_input.json.gz","inputTokenCount":3},)"
                           R"("output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":"Yes"}]}},"stopReason":"end_turn"}}})";
  const Record external = parsed(line);
  QVERIFY(external.has(kBodyExternal) && !external.isTrainable());
  QCOMPARE(external.status, std::string("incomplete"));
  QCOMPARE(external.messages.size(), std::size_t(0));
  std::string asked;
  const Record found = parsed(line, [&](std::string_view path, Side side) -> std::optional<std::string> {
    asked = path;
    return side == Side::input ? std::optional<std::string>(R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})") : std::nullopt;
  });
  QCOMPARE(asked, std::string("s3://b/p/data/x_input.json.gz"));
  QVERIFY(!found.has(kBodyExternal) && found.isTrainable());
  COMPARE_JSON(found.messages, R"([{"role":"user","content":"Hi"}])");
  // An image is a body that cannot be read: kept as external.
  QVERIFY(parsed(line, [](std::string_view, Side) { return std::optional<std::string>("\x89PNG"); }).has(kBodyExternal));
}

void TstBedrockRecord::imagesBecomePlaceholders() {
  const Record r = parsed(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"QUJDRA=="}}},{"text":"What is it?"}]}]})",
                                   R"({"output":{"message":{"role":"assistant","content":[{"text":"A"}]}},"stopReason":"end_turn"})"));
  QVERIFY(r.has(kImages));
  COMPARE_JSON(r.messages, R"([{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image","format":"png","bytes":4}]}])");
  QCOMPARE(messageText(r.messages[0]), std::string("What is it?"));
}

void TstBedrockRecord::promptFiles() {
  const Record golden = parsed(R"({"schemaVersion":"bedrock-conversation-2024","system":[{"text":"S"}],"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Yes"}]}]})");
  QCOMPARE(golden.source, std::string("bedrock-prompts"));
  QVERIFY(golden.has(kGolden) && golden.has(kSyntheticId) && golden.isTrainable());
  COMPARE_JSON(golden.messages, R"([{"role":"system","content":"S"},{"role":"user","content":"Hi"}])");
  COMPARE_JSON(golden.answer, R"({"role":"assistant","content":"Yes"})");
  const Record prompt = parsed(R"({"schemaVersion":"bedrock-conversation-2024","messages":[{"role":"user","content":[{"text":"Hi"}]}]})");
  QVERIFY(!prompt.has(kGolden) && prompt.has(kNoAnswer));
  QCOMPARE(parsed(R"({"prompt":"Hi"})").messages.dump(), std::string(R"([{"role":"user","content":"Hi"}])"));
  const Record chat = parsed(R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]})");
  QCOMPARE(chat.source, std::string("openai-chat"));
  COMPARE_JSON(chat.answer, R"({"role":"assistant","content":"Yes"})");
  QCOMPARE(chat.tools.size(), std::size_t(1));
}

void TstBedrockRecord::repairs() {
  const auto body = [](const std::string& text, const std::string& more = {}) {
    return envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":")" + text + R"("}]}]})", R"({"output":{"message":{"role":"assistant","content":[{"text":"A"}]}}})", more);
  };
  const auto text = [](const Record& r) { return messageText(r.messages[0]); };
  const Record utf8 = parsed(body("caf\xE9!"));
  QVERIFY(utf8.has(kRepaired));
  QCOMPARE(text(utf8), std::string("caf\xEF\xBF\xBD!"));
  const Record surrogate = parsed(body("a\\ud83d b \\ud83d\\ude00 \\\\ud83d"));
  QVERIFY(surrogate.has(kRepaired));
  QCOMPARE(text(surrogate), std::string("a\xEF\xBF\xBD b \xF0\x9F\x98\x80 \\ud83d"));
  const Record huge = parsed(body("x", R"("sequence":123456789012345678901234567890,"fine":18446744073709551615,"low":-9223372036854775809,)"));
  QVERIFY(huge.has(kRepaired));
  QCOMPARE(text(huge), std::string("x"));
  const Record twice = parsed(body("x", R"("region":"us-east-1","requestMetadata":{"a":"1","a":"2"},)"));
  QVERIFY(twice.has(kDupKeys) && !twice.has(kRepaired));
  QCOMPARE(twice.region, std::string("us-east-1"));
  QCOMPARE(*twice.metadataValue("a"), std::string("2"));
  QCOMPARE(text(parsed(body("a\\u0000b"))), std::string("a\0b", 3));
  QVERIFY(!parsed(body("a\\u0000b")).has(kRepaired));
  // Both at once
  QVERIFY(parsed(body("caf\xE9 \\ud800", R"("n":99999999999999999999999,)")).has(kRepaired));
}

void TstBedrockRecord::rejectReasons_data() {
  QTest::addColumn<QByteArray>("line");
  QTest::addColumn<QString>("reason");
  const auto good = QByteArray::fromStdString(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", ""));
  QTest::newRow("text") << QByteArray("hello") << "not-json";
  QTest::newRow("behind") << good + "}" << "not-json";
  QTest::newRow("two") << good + good << "not-json";
  QTest::newRow("single quotes") << QByteArray("{'a':1}") << "not-json";
  QTest::newRow("trailing comma") << QByteArray("{\"a\":1,}") << "not-json";
  QTest::newRow("cut in string") << good.left(60) << "truncated";
  QTest::newRow("cut in object") << good.left(good.size() - 1) << "truncated";
  QTest::newRow("deep") << "{\"a\":" + QByteArray(2000, '[') + QByteArray(2000, ']') + "}" << "too-deep";
  QTest::newRow("deep and open") << "{\"a\":" + QByteArray(3000, '[') << "too-deep";
  QTest::newRow("bytes") << QByteArray("{\xff\xfe,\"a\":1}") << "not-utf8";
  QTest::newRow("foreign") << QByteArray(R"({"level":"info"})") << "no-schema";
  QTest::newRow("array") << QByteArray("[1,2]") << "no-schema";
  QTest::newRow("other schema") << QByteArray(R"({"schemaType":"Other","modelId":"m","requestId":"r","input":{}})") << "no-schema";
  QTest::newRow("no id") << QByteArray(good).replace("requestId", "request") << "missing-field";
  QTest::newRow("no model") << QByteArray(good).replace("modelId", "model") << "missing-field";
  QTest::newRow("no input") << QByteArray(good).replace("\"input\"", "\"in\"") << "missing-field";
  QTest::newRow("null input") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":"r","modelId":"m","input":null})") << "missing-field";
  QTest::newRow("id number") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":1,"modelId":"m","input":{}})") << "bad-type";
  QTest::newRow("model list") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":"r","modelId":["m"],"input":{}})") << "bad-type";
  QTest::newRow("input text") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":"r","modelId":"m","input":"x"})") << "bad-type";
  QTest::newRow("time object") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":"r","modelId":"m","input":{},"timestamp":{}})") << "bad-type";
  QTest::newRow("metadata text") << QByteArray(R"({"schemaType":"ModelInvocationLog","requestId":"r","modelId":"m","input":{},"requestMetadata":"x"})") << "bad-type";
  QTest::newRow("prompts without messages") << QByteArray(R"({"schemaVersion":"bedrock-conversation-2024","message":[]})") << "missing-field";
  QTest::newRow("good") << good << "accepted";
}
void TstBedrockRecord::rejectReasons() {
  QFETCH(QByteArray, line);
  QFETCH(QString, reason);
  QCOMPARE(QString::fromStdString(rejected(line.toStdString())), reason);
}

void TstBedrockRecord::models() {
  const std::pair<const char*, const char*> cases[] = {
      {"anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"},
      {"us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"},
      {"global.anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0"},
      {"us.gov", "us.gov"},
      {"arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-8b-instruct-v1:0", "meta.llama3-1-8b-instruct-v1:0"},
      {"arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.llama3-2-1b-instruct-v1:0", "meta.llama3-2-1b-instruct-v1:0"},
      {"arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc123", "application-inference-profile/abc123"},
      {"arn:aws:bedrock:eu-west-1:1:provisioned-model/xyz", "provisioned-model/xyz"},
      {"meta.llama3-1-8b-instruct-v1:0:128k", "meta.llama3-1-8b-instruct-v1:0"},
      {"", ""},
      {"arn:", "arn:"}};
  for (const auto& [raw, model] : cases) QCOMPARE(normaliseModel(raw), std::string(model));
}

void TstBedrockRecord::requestKeys() {
  bool isUuid = false;
  const auto key = requestKey("0A000000-1111-4222-8333-444455556666", isUuid);
  QVERIFY(isUuid && key.size() == 16);
  QCOMPARE(requestKeyText(key, true), std::string("0a000000-1111-4222-8333-444455556666"));
  for (const char* other : {"req-1", "0A000000-1111-4222-8333-44445555666", "0A000000-1111-4222-8333-44445555666g", "0A000000x1111-4222-8333-444455556666"}) {
    QCOMPARE(requestKey(other, isUuid).size(), std::size_t(16));
    QVERIFY(!isUuid);
  }
}

void TstBedrockRecord::previews() {
  LineParser parser;
  Call call;
  ParseReject reject{};
  std::string longText;
  for (int i = 0; i < 100; ++i) longText += "\u00e4\u00f6 ";
  QVERIFY(parser.parse(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":"  a\n\n b  "}]}]})", ""), false, {}, call, reject));
  QCOMPARE(call.preview(), std::string("a b"));
  QVERIFY(parser.parse(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":")" + longText + R"("}]}]})", ""), false, {}, call, reject));
  QCOMPARE(QString::fromStdString(call.preview()).size(), 160);
}

void TstBedrockRecord::sameContentHasOneHash() {
  LineParser parser;
  Call a, b, c;
  ParseReject reject{};
  const std::string plain = envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})", "");
  QVERIFY(parser.parse(plain, false, {}, a, reject));
  QVERIFY(parser.parse(R"({"message":)" + dumpJson(Json(plain)) + R"(})", false, {}, b, reject));
  QVERIFY(parser.parse(envelope("m.x", "Converse", R"({"messages":[{"role":"user","content":[{"text":"Ho"}]}]})", ""), false, {}, c, reject));
  QCOMPARE(a.contentHash, b.contentHash);
  QCOMPARE(a.promptHash, b.promptHash);
  QVERIFY(a.contentHash != c.contentHash && a.promptHash != c.promptHash);
}

QTEST_GUILESS_MAIN(TstBedrockRecord)
#include "tst_bedrock_record.moc"
