// Every log format that we read: a file of our own making, and the exact records that must come of it, read back from the store.
#include <QTest>
#include <map>

#include "base/json.h"
#include "logs/field_map.h"
#include "logs/format.h"
#include "logs/model_alias.h"
#include "logs/sample_repair.h"
#include "tests/core/logs/log_fixture.h"

// The class stands first: the meta-object compiler counts braces inside raw strings.
class TstFormats : public QObject {
  Q_OBJECT

 private slots:
  void records_data();
  void records();
  void namesDoNotMatter();
  void formsAreForced();
  void guessesAreSaid();
  void mapsAreRemembered();
  void shippedMapsRead_data();
  void shippedMapsRead();
  void wrongMapsAreRefused_data();
  void wrongMapsAreRefused();
  void samplesAreMended_data();
  void samplesAreMended();
  void idsDependOnContentAlone();
  void aliasesRenameWhatIsStored();
  void bedrockExtras();
  void recordsReadBack();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

fs::path source() { return fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()); }
fs::path fixture(const std::string& name) { return source() / "tests/fixtures/logs" / name; }

void take(const Place& place, const std::string& name, const std::string& as = {}) {
  std::filesystem::create_directories(place.root / "in");
  std::filesystem::copy_file(fixture(name), place.root / "in" / (as.empty() ? name : as), std::filesystem::copy_options::overwrite_existing);
}

Result<ImportSummary> importWith(const Place& place, ReadRules read = {}, const std::string& rules = {}) {
  ImportOptions options;
  options.sources = {place.root / "in"};
  options.checkSpace = false;
  options.read = std::move(read);
  options.readRules = rules;
  return importLogs(place.db(), options);
}

/// All records of a store, ids and what depends on the run left out.
Json recordsOf(const Place& place) {
  auto store = *LogStore::open(place.db());
  Json all = Json::array();
  for (const auto id : store->universe().toVector()) {
    auto record = store->record(id);
    if (!record.ok()) qFatal("%s", record.error().text().c_str());
    Json json = record->toJson();
    json.erase("id");
    all.push_back(std::move(json));
  }
  return all;
}

#define VERIFY_IDENTITY(s) QCOMPARE((s).accepted + (s).duplicates + (s).rejected + (s).filtered, (s).lines)

Record parsed(const std::string& line, ReadRules rules = {}) {
  LineParser parser(std::move(rules));
  Call call;
  ParseReject reject{};
  if (!parser.parse(line, false, {}, call, reject)) qFatal("rejected: %s: %s", rejectWord(reject.reason).data(), reject.detail.c_str());
  return std::move(call).toRecord();
}

}  // namespace

void TstFormats::records_data() {
  QTest::addColumn<QStringList>("files");
  QTest::addColumn<QString>("format");
  QTest::addColumn<bool>("guessed");
  QTest::addColumn<QString>("counts");     // lines accepted rejected filtered
  const auto row = [](const char* format, QStringList files, bool guessed, const char* counts) { QTest::newRow(format) << files << format << guessed << counts; };
  row("openai-stored", {"openai_stored_completions.json", "openai_stored_messages.json"}, false, "3 1 0 2");
  row("openai-chat", {"openai_chat.jsonl"}, false, "1 1 0 0");
  row("openai-preference", {"openai_preference.jsonl"}, false, "1 1 0 0");
  row("openai-batch", {"openai_batch_input.jsonl", "openai_batch_output.jsonl"}, false, "6 2 2 2");
  row("anthropic-batch", {"anthropic_batch_requests.jsonl", "anthropic_batch_results.jsonl"}, false, "4 2 0 2");
  row("bedrock-batch", {"bedrock_batch.jsonl.out"}, false, "2 2 0 0");
  row("azure", {"azure_gateway.jsonl"}, false, "1 1 0 0");
  row("litellm", {"litellm.jsonl"}, false, "3 2 0 1");
  row("langfuse", {"langfuse.json"}, false, "3 2 0 1");
  row("otel", {"otel.jsonl"}, false, "3 2 0 1");
  row("phoenix", {"phoenix.jsonl"}, false, "3 2 0 1");
  row("helicone", {"helicone.jsonl"}, false, "2 1 1 0");
  row("langsmith", {"langsmith.jsonl"}, false, "2 1 0 1");
  row("flywheel", {"flywheel.jsonl"}, false, "2 2 0 0");
  row("openpipe", {"openpipe.jsonl"}, true, "1 1 0 0");
  row("sharegpt", {"sharegpt.json"}, true, "2 1 1 0");
  row("alpaca", {"alpaca.json"}, true, "2 2 0 0");
  row("pairs", {"table.csv"}, true, "2 2 0 0");
  row("bedrock-prompts", {"bedrock_prompts_malformed.jsonl"}, false, "7 7 0 0");
}

void TstFormats::records() {
  QFETCH(QStringList, files);
  QFETCH(QString, format);
  QFETCH(bool, guessed);
  QFETCH(QString, counts);
  const Place place;
  for (const auto& file : files) take(place, file.toStdString());
  const auto summary = importWith(place);
  QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
  VERIFY_IDENTITY(*summary);
  const QString got = QString("%1 %2 %3 %4").arg(summary->lines).arg(summary->accepted).arg(summary->rejected).arg(summary->filtered);
  QCOMPARE(got, counts);
  QCOMPARE(QString::fromStdString(summary->format()), format);
  QCOMPARE(summary->isGuessed(), guessed);
  QCOMPARE(summary->toJson()["format"].get<std::string>(), format.toStdString());
  const Json actual = recordsOf(place);
  const auto expectedFile = fixture("expected/" + format.toStdString() + ".json");
  if (qEnvironmentVariableIsSet("RETORT_WRITE_EXPECTED")) QVERIFY(writeJsonFile(expectedFile, actual).ok());   // for a new fixture; then read it with care
  const auto expected = readJsonFile(expectedFile);
  QVERIFY2(expected.ok(), expected.ok() ? "" : expected.error().text().c_str());
  QCOMPARE(actual.size(), expected->size());
  for (std::size_t i = 0; i < actual.size(); ++i) QCOMPARE(QString::fromStdString(actual[i].dump(1)), QString::fromStdString((*expected)[i].dump(1)));
  // A second import finds nothing new, whatever was joined.
  const auto again = importWith(place);
  QCOMPARE(again->lines, std::int64_t(0));
  QCOMPARE(again->unchangedFiles, std::int64_t(files.size()));
}

/// Recognised by content: the same files under names that say something else.
void TstFormats::namesDoNotMatter() {
  Place place;
  take(place, "litellm.jsonl", "a.csv");
  take(place, "table.csv", "b.json");
  const auto summary = importWith(place);
  QVERIFY(summary.ok());
  QCOMPARE(summary->accepted, std::int64_t(4));
  std::map<std::string, std::int64_t> formats;
  for (const auto& f : summary->formats) formats[f.name] = f.documents;
  QCOMPARE(formats["litellm"], std::int64_t(3));
  QCOMPARE(formats["pairs"], std::int64_t(2));
}

void TstFormats::formsAreForced() {
  Place place;
  place.write("a.jsonl", R"({"instruction":"Ask","output":"Say","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}]})" "\n");
  QCOMPARE(importWith(place)->format(), std::string("openai-chat"));
  Place forced;
  forced.write("a.jsonl", R"({"instruction":"Ask","output":"Say","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}]})" "\n");
  ReadRules rules;
  rules.format = "alpaca";
  QCOMPARE(importWith(forced, rules, "alpaca")->format(), std::string("alpaca"));
  QCOMPARE(recordsOf(forced)[0]["messages"][0]["content"].get<std::string>(), std::string("Ask"));
  rules.format = "litelm";
  const auto wrong = importWith(forced, rules);
  QVERIFY(!wrong.ok());
  QCOMPARE(wrong.error().code, std::string("logs.format.unknown"));
  QVERIFY(wrong.error().next.find("litellm") != std::string::npos);
}

void TstFormats::guessesAreSaid() {
  Place place;
  take(place, "alpaca.json");
  const auto summary = importWith(place);
  QVERIFY(summary->isGuessed());
  QCOMPARE(summary->toJson()["guessed"].get<bool>(), true);
  QVERIFY(std::any_of(summary->notes.begin(), summary->notes.end(), [](const std::string& n) { return n.find("guess") != std::string::npos; }));
}

void TstFormats::mapsAreRemembered() {
  Place place;
  take(place, "acme.jsonl");
  const auto none = importWith(place);
  QCOMPARE(none->accepted, std::int64_t(0));
  QCOMPARE(none->rejected, std::int64_t(2));
  auto map = FieldMap::load(fixture("map.json"));
  QVERIFY2(map.ok(), map.ok() ? "" : map.error().text().c_str());
  QVERIFY(rememberMap(place.root / "maps", fixture("map.json")).ok());
  auto maps = FieldMaps::load(place.root / "maps", source() / "resources/maps");
  QVERIFY2(maps.ok(), maps.ok() ? "" : maps.error().text().c_str());
  ReadRules rules;
  rules.maps = std::make_shared<FieldMaps>(std::move(*maps));
  const auto summary = importWith(place, rules, "map " + map->hash());
  QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
  VERIFY_IDENTITY(*summary);
  QCOMPARE(summary->accepted, std::int64_t(1));
  QCOMPARE(summary->filtered, std::int64_t(1));      // the tool's call is none of a model
  QCOMPARE(summary->rejected, std::int64_t(0));
  QVERIFY(!summary->isGuessed());
  const Json r = recordsOf(place)[0];
  QCOMPARE(dumpJson(r), dumpJson(Json::parse(R"({"request_id":"ac-1","time":"2026-03-02T06:00:00Z","model":"gpt-4o","model_raw":"gpt-4o","operation":"","region":"","account":"","source":"acme","parser":"map",
    "status":"ok","error_code":"","stop":"length","stop_raw":"max_tokens","input_tokens":18,"output_tokens":6,"cached_tokens":null,"latency_ms":750,"ttft_ms":null,"cost":0.5,"turns":1,"flags":[],
    "metadata":{"env":"prod","n":"3","customer":"c-1"},"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Where is my order?"}],"tools":[],
    "answer":{"role":"assistant","content":"It ships today."},"parameters":{}})")));
  (*maps).force(std::move(*map));
}

void TstFormats::shippedMapsRead_data() {
  QTest::addColumn<QByteArray>("line");
  QTest::addColumn<QString>("name");
  QTest::newRow("braintrust") << QByteArray(R"({"id":"1","span_id":"s","root_span_id":"r","span_attributes":{"type":"llm","name":"chat"},"input":[{"role":"user","content":"Hi"}],"output":[{"role":"assistant","content":"Yes"}],"metadata":{"model":"gpt-4o","temperature":0},"metrics":{"start":1772431200,"end":1772431201.5,"prompt_tokens":3,"completion_tokens":1}})") << "braintrust";
  QTest::newRow("mlflow") << QByteArray(R"({"span_id":"s","trace_id":"t","name":"Completions","start_time_unix_nano":1772431200000000000,"end_time_unix_nano":1772431201500000000,"attributes":{"mlflow.spanType":"\"CHAT_MODEL\"","mlflow.spanInputs":"{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}","mlflow.spanOutputs":"{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"Yes\"}, \"finish_reason\": \"stop\"}]}","mlflow.chat.tokenUsage":"{\"input_tokens\": 3, \"output_tokens\": 1}"}})") << "mlflow";
  QTest::newRow("portkey") << QByteArray(R"({"id":"p","created_at":"2026-03-02T06:00:00Z","request":{"provider":"openai","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}},"response":{"body":{"choices":[{"message":{"role":"assistant","content":"Yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}},"response_time":1500},"metadata":{"env":"prod"}})") << "portkey";
  QTest::newRow("promptlayer") << QByteArray(R"({"request_id":5,"provider_type":"openai","engine":"gpt-4o","request_start_time":"2026-03-02T06:00:00Z","request_end_time":"2026-03-02T06:00:01.5Z","kwargs":{"messages":[{"role":"user","content":"Hi"}]},"request_response":{"choices":[{"message":{"role":"assistant","content":"Yes"},"finish_reason":"stop"}]},"input_tokens":3,"output_tokens":1})") << "promptlayer";
  QTest::newRow("weave") << QByteArray(R"({"id":"w","project_id":"p","trace_id":"t","op_name":"openai.chat","started_at":"2026-03-02T06:00:00Z","ended_at":"2026-03-02T06:00:01.5Z","inputs":{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]},"output":{"choices":[{"message":{"role":"assistant","content":"Yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}})") << "weave";
}

void TstFormats::shippedMapsRead() {
  QFETCH(QByteArray, line);
  QFETCH(QString, name);
  auto maps = FieldMaps::load({}, source() / "resources/maps");
  QVERIFY2(maps.ok(), maps.ok() ? "" : maps.error().text().c_str());
  ReadRules rules;
  rules.maps = std::make_shared<FieldMaps>(std::move(*maps));
  const Record r = parsed(line.toStdString(), rules);
  QCOMPARE(QString::fromStdString(r.source), name);
  QCOMPARE(r.modelRaw, std::string("gpt-4o"));
  QCOMPARE(messageText(r.messages[0]), std::string("Hi"));
  QCOMPARE(messageText(r.answer), std::string("Yes"));
  QCOMPARE(*r.timeUs, std::int64_t(1772431200000000));
  QCOMPARE(*r.latencyMs, std::int64_t(1500));
  QCOMPARE(*r.inputTokens, std::int64_t(3));
  QCOMPARE(*r.outputTokens, std::int64_t(1));
}

void TstFormats::wrongMapsAreRefused_data() {
  QTest::addColumn<QByteArray>("json");
  QTest::newRow("schema") << QByteArray(R"({"schema":"x","name":"a","fields":{"messages":"m"}})");
  QTest::newRow("name") << QByteArray(R"({"schema":"retort.map/1","name":"A b","fields":{"messages":"m"}})");
  QTest::newRow("no messages") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"answer":"m"}})");
  QTest::newRow("field") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"messages":"m","modle":"x"}})");
  QTest::newRow("path") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"messages":"m[x]"}})");
  QTest::newRow("bracket") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"messages":"m[0"}})");
  QTest::newRow("dot") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"messages":"m."}})");
  QTest::newRow("member") << QByteArray(R"({"schema":"retort.map/1","name":"a","fields":{"messages":"m"},"recognize":["x"]})");
}
void TstFormats::wrongMapsAreRefused() {
  QFETCH(QByteArray, json);
  QVERIFY(!FieldMap::parse(Json::parse(json.toStdString()), "test").ok());
}

void TstFormats::samplesAreMended_data() {
  QTest::addColumn<QByteArray>("sample");
  QTest::addColumn<QByteArray>("mended");       // empty: not mended
  QTest::addColumn<int>("line");
  QTest::addColumn<int>("column");
  QTest::newRow("trailing comma") << QByteArray(R"({"a":[1,2,],"b":3})") << QByteArray(R"({"a":[1,2],"b":3})") << 1 << 11;
  QTest::newRow("missing comma") << QByteArray(R"({"a":1 "b":2})") << QByteArray(R"({"a":1,"b":2})") << 1 << 8;
  QTest::newRow("brace too many") << QByteArray("{\"a\":1}\n}") << QByteArray(R"({"a":1})") << 2 << 1;
  QTest::newRow("quote of a name") << QByteArray(R"({"name": "x", "description: "y"})") << QByteArray(R"({"name":"x","description":"y"})") << 1 << 27;
  QTest::newRow("single quotes") << QByteArray("{'a': 'it\\'s \"so\"'}") << QByteArray(R"({"a":"it's \"so\""})") << 1 << 2;
  QTest::newRow("several lines") << QByteArray("{\"a\": 'one\ntwo'}") << QByteArray(R"({"a":"one\ntwo"})") << 1 << 7;
  QTest::newRow("good") << QByteArray(R"({"a":1})") << QByteArray() << 0 << 0;
  QTest::newRow("cut") << QByteArray(R"({"a":1,)") << QByteArray() << 0 << 0;
  QTest::newRow("words") << QByteArray("not a record") << QByteArray() << 0 << 0;
}
void TstFormats::samplesAreMended() {
  QFETCH(QByteArray, sample);
  QFETCH(QByteArray, mended);
  QFETCH(int, line);
  QFETCH(int, column);
  const auto out = mendSample(sample.toStdString());
  QCOMPARE(out.has_value(), !mended.isEmpty());
  if (!out) return;
  QCOMPARE(QByteArray::fromStdString(dumpJson(Json::parse(out->text))), QByteArray::fromStdString(dumpJson(Json::parse(mended.toStdString()))));
  QCOMPARE(int(out->repairs[0].line), line);
  QCOMPARE(int(out->repairs[0].column), column);
}

/// The same call has the same id however its line is written and whatever file or format it comes from.
void TstFormats::idsDependOnContentAlone() {
  const Record a = parsed(R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}],"model":"m"})");
  const Record b = parsed(R"({ "model" : "m", "messages" : [ {"content":"Hi","role":"user"}, {"role":"assistant","content":"\u0059es"} ] })");
  const Record c = parsed(R"({"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Yes"}],"model":"m"})");
  const Record d = parsed(R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"No"}],"model":"m"})");
  QVERIFY(a.has(kSyntheticId));
  QCOMPARE(a.requestId, b.requestId);
  QCOMPARE(a.requestId, c.requestId);
  QVERIFY(a.requestId != d.requestId);
}

void TstFormats::aliasesRenameWhatIsStored() {
  Place place;
  const std::string opaque = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc123";
  std::string text = line(1);
  text.replace(text.find("amazon.nova-lite-v1:0"), 21, opaque);
  place.write("a.jsonl", line(0) + "\n" + text + "\n");
  const auto import = [&](const char* table) {
    ReadRules rules;
    auto aliases = std::make_shared<ModelAliases>();
    if (*table && !aliases->add(Json::parse(table), "test").ok()) qFatal("the table is wrong");
    rules.aliases = aliases;
    return *importWith(place, rules);
  };
  QCOMPARE(import("").accepted, std::int64_t(2));
  const auto models = [&] {
    std::string out;
    auto store = *LogStore::open(place.db());
    const auto facets = store->facets({}, {"@model"});
    for (const auto& value : (*facets)[0].values) out += value.value + "=" + std::to_string(value.count) + " ";
    for (const auto id : store->universe().toVector()) out += store->record(id)->model + "|" + store->row(id)->model + " ";
    return out;
  };
  QCOMPARE(models(), std::string("amazon.nova-lite-v1:0=1 application-inference-profile/abc123=1 amazon.nova-lite-v1:0|amazon.nova-lite-v1:0 "
                                 "application-inference-profile/abc123|application-inference-profile/abc123 "));
  const std::string table = R"({"schema":"retort.aliases/1","aliases":{")" + opaque + R"(":"router","amazon.nova-*":"nova"}})";
  QCOMPARE(import(table.c_str()).remapped, std::int64_t(2));
  QCOMPARE(models(), std::string("nova=1 router=1 nova|nova router|router "));
  QCOMPARE(import(table.c_str()).remapped, std::int64_t(0));
  // Two raw ids under one name, and new records under it too.
  const std::string one = R"({"schema":"retort.aliases/1","aliases":{")" + opaque + R"(":"nova","amazon.nova-*":"nova"}})";
  place.write("b.jsonl", line(2) + "\n");
  const auto third = import(one.c_str());
  QCOMPARE(third.remapped, std::int64_t(1));
  QCOMPARE(models(), std::string("nova=3 nova|nova nova|nova nova|nova "));
  QCOMPARE(*(*LogStore::open(place.db()))->count(*parseFilter("@model = \"nova\"")), std::uint64_t(3));
  QVERIFY(!ModelAliases().add(Json::parse(R"({"aliases":{}})"), "test").ok());
}

/// What bedrock.md asks for beyond the table of dialects.
void TstFormats::bedrockExtras() {
  const std::string head = R"({"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"2026-03-02T06:00:00Z","region":"us-east-1","requestId":"r","operation":"InvokeModel","modelId":")";
  // AI21's older models, and a guardrail that stepped in with its findings.
  const Record j2 = parsed(head + R"(ai21.j2-ultra-v1","input":{"inputBodyJson":{"prompt":"Hi","maxTokens":5}},"output":{"outputBodyJson":{"id":1,"completions":[{"data":{"text":"Yes"},"finishReason":{"reason":"length","length":5}}]}}})");
  QCOMPARE(j2.parser, std::string("ai21"));
  QCOMPARE(messageText(j2.answer), std::string("Yes"));
  QCOMPARE(j2.stop, std::string("length"));
  const Record guarded = parsed(head + R"(anthropic.claude-3-haiku-20240307-v1:0","input":{"inputBodyJson":{"anthropic_version":"b","messages":[{"role":"user","content":"Hi"}]}},
    "output":{"outputBodyJson":{"type":"message","role":"assistant","content":[{"type":"text","text":"Sorry."}],"stop_reason":"end_turn","amazon-bedrock-guardrailAction":"INTERVENED",
    "amazon-bedrock-trace":{"guardrail":{"input":{"g1":{"topicPolicy":{"topics":[{"name":"Refunds","type":"DENY","action":"BLOCKED"}]}}}}}}}})");
  QCOMPARE(guarded.stop, std::string("filtered"));
  QCOMPARE(guarded.stopRaw, std::string("guardrail_intervened"));
  QVERIFY(guarded.reason.find("Refunds") != std::string::npos);
  QVERIFY(!guarded.isTrainable());
  const Record failed = parsed(head + R"(m.x","errorCode":"ValidationException","input":{"inputBodyJson":{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}},"output":{"outputBodyJson":{"message":"Malformed input request"}}})");
  QCOMPARE(failed.status, std::string("error"));
  QCOMPARE(failed.reason, std::string("Malformed input request"));
  // CloudWatch: the export to object storage, and a delivery that holds several events.
  const std::string plain = line(3);
  QCOMPARE(dumpJson(parsed("2026-03-02T06:00:00.000Z " + plain).toJson()), dumpJson(parsed(plain).toJson()));
  Place place;
  Json delivery = {{"messageType", "DATA_MESSAGE"}, {"owner", "1"}, {"logEvents", Json::array()}};
  for (int n = 0; n < 3; ++n) delivery["logEvents"].push_back({{"id", std::to_string(n)}, {"timestamp", 1}, {"message", line(n)}});
  place.write("a.json", dumpJson(delivery) + "\n");
  const auto summary = place.import();
  QCOMPARE(summary->lines, std::int64_t(3));
  QCOMPARE(summary->accepted, std::int64_t(3));
}

/// Retort's own form reads back as the same record, for each fixture.
void TstFormats::recordsReadBack() {
  for (const char* name : {"openai_chat.jsonl", "openai_preference.jsonl", "litellm.jsonl", "phoenix.jsonl", "flywheel.jsonl"}) {
    const auto text = readFile(fixture(name));
    QVERIFY(text.ok());
    for (const auto row : splitView(*text, '\n')) {
      LineParser parser;
      Call call;
      ParseReject reject{};
      if (row.empty() || !parser.parse(row, false, {}, call, reject) || call.isNoCall) continue;
      const Record record = std::move(call).toRecord();
      QCOMPARE(QString::fromStdString(dumpJson(parsed(recordDocument(record)).toJson())), QString::fromStdString(dumpJson(record.toJson())));
    }
  }
}

QTEST_GUILESS_MAIN(TstFormats)
#include "tst_formats.moc"
