// Batches: the files of each provider, submission, watching after a restart, results in any order joined by id, what is missing.
#include <QTemporaryDir>
#include <QTest>

#include "base/files.h"
#include "base/format.h"
#include "fixtures/providers/script_server.h"
#include "providers/batch.h"
#include "providers/json_peek.h"
#include "providers/request_hash.h"

using namespace retort;
using namespace retort::providers;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

namespace {

Teacher teacherOf(Kind kind, const std::string& url, const std::string& model = "teacher-1") {
  Teacher t;
  t.name = "batcher";
  t.kind = kind;
  t.url = url;
  t.model = model;
  t.region = "us-east-1";
  return t;
}

std::vector<BatchItem> itemsOf(const Teacher& t, int n) {
  std::vector<BatchItem> items;
  for (int i = 0; i < n; ++i) {
    BatchItem item;
    item.request.id = "row-" + std::to_string(i);
    item.request.messages = Json::array({{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", "question " + std::to_string(i)}}});
    item.request.sampling.maxTokens = 10;
    item.hash = requestHash("d", t.host(), t.model, t.extra, item.request);
    items.push_back(item);
  }
  return items;
}

Price half() {
  Price p;
  p.input = 2'000'000, p.output = 4'000'000, p.batchPerMille = 500;
  return p;
}

Json chatBody(const std::string& text) {
  return {{"id", "c"}, {"model", "teacher-1"}, {"choices", Json::array({{{"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", "stop"}}})}, {"usage", {{"prompt_tokens", 100}, {"completion_tokens", 10}}}};
}

Json messageBody(const std::string& text) {
  return {{"id", "m"}, {"type", "message"}, {"model", "teacher-1"}, {"content", Json::array({{{"type", "text"}, {"text", text}}})}, {"stop_reason", "end_turn"}, {"usage", {{"input_tokens", 100}, {"output_tokens", 10}}}};
}

}  // namespace

class TestBatch : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    qunsetenv("http_proxy");
    qputenv("RETORT_KEY_BATCHER", "sk-planted-key-0123456789");
  }

  void filesAreTheProviders() {
    const auto openai = teacherOf(Kind::openai, "");
    const auto one = itemsOf(openai, 3);
    const auto lines = *batchFiles(openai, one);
    QCOMPARE(lines.size(), std::size_t(1));
    const auto first = *parseJson(lines[0].substr(0, lines[0].find('\n')), "l");
    QCOMPARE(first["custom_id"].get<std::string>(), one[0].hash);
    QCOMPARE(first["url"].get<std::string>(), std::string("/v1/chat/completions"));
    QVERIFY(!first["body"].contains("stream"));
    const auto anthropic = *batchFiles(teacherOf(Kind::anthropic, ""), one);
    const auto document = *parseJson(anthropic[0], "d");
    QCOMPARE(document["requests"].size(), std::size_t(3));
    QCOMPARE(document["requests"][2]["params"]["system"].get<std::string>(), std::string("Be brief."));
    const auto bedrock = *batchFiles(teacherOf(Kind::bedrock, "", "us.anthropic.claude-3-haiku-20240307-v1:0"), one);
    const auto record = *parseJson(bedrock[0].substr(0, bedrock[0].find('\n')), "r");
    QCOMPARE(record["modelInput"]["anthropic_version"].get<std::string>(), std::string("bedrock-2023-05-31"));
    QVERIFY(!record["modelInput"].contains("model"));
    QVERIFY((*parseJson((*batchFiles(teacherOf(Kind::bedrock, "", "amazon.nova-lite-v1:0"), itemsOf(openai, 1)))[0], "n"))["modelInput"].contains("inferenceConfig"));
    QCOMPARE(batchFiles(teacherOf(Kind::ollama, ""), one).error().code, std::string("providers.batch.kind"));
    QCOMPARE(batchFiles(teacherOf(Kind::bedrock, "", "meta.llama3-1-8b-instruct-v1:0"), one).error().code, std::string("providers.batch.kind"));
    QCOMPARE(batchFiles(openai, itemsOf(openai, 50'001))->size(), std::size_t(2));   // cut at the limit
  }

  void openAiFromFileToCache() {
    std::string uploaded;
    bool isOver = false;
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      const auto line = r.line();
      if (line.starts_with("POST /v1/files")) return uploaded = r.body, w.answer(200, R"({"id":"file-1"})");
      if (line.starts_with("POST /v1/batches")) return w.answer(200, R"({"id":"batch_1","status":"validating"})");
      if (line.starts_with("GET /v1/batches/batch_1")) return w.answer(200, isOver ? R"({"id":"batch_1","status":"completed","output_file_id":"out-1","error_file_id":"err-1"})" : R"({"id":"batch_1","status":"in_progress"})");
      std::string out;
      // The answers come in reverse; one failed, one is missing, one line is foreign.
      std::vector<std::string> ids;
      for (const auto part : splitView(uploaded, '\n'))
        if (part.starts_with("{")) ids.push_back(peekText(*parseJson(trimmed(part), "u"), "custom_id"));
      if (line.find("out-1") != std::string::npos) {
        for (std::size_t i = ids.size(); i-- > 2;) out += dumpJson({{"custom_id", ids[i]}, {"response", {{"status_code", 200}, {"body", chatBody("answer " + std::to_string(i))}}}, {"error", nullptr}}) + "\n";
        out += "torn {\n" + dumpJson({{"custom_id", "nobody's"}, {"response", {{"status_code", 200}, {"body", chatBody("x")}}}}) + "\n";
      } else {
        out = dumpJson({{"custom_id", ids[1]}, {"response", {{"status_code", 400}, {"body", {{"error", {{"message", "bad row"}}}}}}}}) + "\n";
      }
      w.answer(200, out);
    });
    QTemporaryDir dir;
    const auto workspace = *Workspace::create(dir.path().toStdString() + "/w");
    const auto teacher = teacherOf(Kind::compatible, server.url());
    const auto http = std::make_shared<HttpClient>(HttpClient::Reach::loopback);
    const auto items = itemsOf(teacher, 6);
    std::string id;
    {
      auto log = *UsageLog::open(workspace);
      const auto batch = submitBatch(workspace, teacher, items, log, half(), http, {});
      QVERIFY2(batch.ok(), batch.ok() ? "" : batch.error().text().c_str());
      QCOMPARE(batch->state, std::string("running"));
      id = batch->id;
    }
    QVERIFY(uploaded.find("name=\"purpose\"\r\n\r\nbatch") != std::string::npos);
    QCOMPARE(UsageLog::totals(workspace)->unsettled, std::int64_t(6));
    // After a restart:
    auto log = *UsageLog::open(workspace);
    auto cache = *ResponseCache::open(workspace.cache(), "d", teacher.host(), teacher.model);
    QCOMPARE(watchBatch(workspace, teacher, id, cache, log, half(), http, {})->state, std::string("running"));
    isOver = true;
    const auto done = watchBatch(workspace, teacher, id, cache, log, half(), http, {});
    QVERIFY2(done.ok(), done.ok() ? "" : done.error().text().c_str());
    QCOMPARE(done->state, std::string("collected"));
    QCOMPARE(done->answered, std::int64_t(4));
    QCOMPARE(done->failed, std::int64_t(1));
    QCOMPARE(done->missing, std::int64_t(1));
    for (std::size_t i = 2; i < 6; ++i) QCOMPARE((*cache.find(items[i].hash))->text, "answer " + std::to_string(i));
    QVERIFY(!cache.has(items[0].hash) && !cache.has(items[1].hash));
    const auto totals = *UsageLog::totals(workspace);
    QCOMPARE(totals.spent, NanoUsd(4) * (100 * 2000 + 10 * 4000) / 2);
    QCOMPARE(totals.ok, std::int64_t(4));
    const int before = server.count();
    QCOMPARE(watchBatch(workspace, teacher, id, cache, log, half(), http, {})->answered, std::int64_t(4));
    QCOMPARE(server.count(), before);
    for (const auto& entry : fs::recursive_directory_iterator(workspace.root()))
      if (entry.is_regular_file()) QVERIFY(readFile(entry.path())->find("planted-key") == std::string::npos);
  }

  void anthropicResultsStayOnItsHost() {
    ScriptServer other([](const SeenRequest&, Wire& w) { w.answer(200, ""); });
    std::string results;
    std::string ids[2];
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      const auto line = r.line();
      if (line.starts_with("POST /v1/messages/batches")) {
        const auto json = *parseJson(r.body, "b");
        for (std::size_t i = 0; i < 2; ++i) ids[i] = json["requests"][i]["custom_id"].get<std::string>();
        return w.answer(200, R"({"id":"msgbatch_1","processing_status":"in_progress"})");
      }
      if (line.find("/results") != std::string::npos)
        return w.answer(200, dumpJson({{"custom_id", ids[1]}, {"result", {{"type", "succeeded"}, {"message", messageBody("one")}}}}) + "\n" + dumpJson({{"custom_id", ids[0]}, {"result", {{"type", "expired"}}}}) + "\n");
      w.answer(200, dumpJson({{"id", "msgbatch_1"}, {"processing_status", "ended"}, {"results_url", results}}));
    });
    QTemporaryDir dir;
    const auto workspace = *Workspace::create(dir.path().toStdString() + "/w");
    const auto teacher = teacherOf(Kind::anthropic, server.url());
    const auto http = std::make_shared<HttpClient>(HttpClient::Reach::loopback);
    auto log = *UsageLog::open(workspace);
    auto cache = *ResponseCache::open(workspace.cache(), "d", teacher.host(), teacher.model);
    const auto items = itemsOf(teacher, 2);
    const auto batch = submitBatch(workspace, teacher, items, log, {}, http, {});
    QVERIFY(batch.ok());
    results = other.url() + "/v1/messages/batches/msgbatch_1/results";
    QCOMPARE(watchBatch(workspace, teacher, batch->id, cache, log, {}, http, {}).error().code, std::string("providers.batch.address"));
    QCOMPARE(other.count(), 0);
    results = server.url() + "/v1/messages/batches/msgbatch_1/results";
    const auto done = watchBatch(workspace, teacher, batch->id, cache, log, {}, http, {});
    QVERIFY2(done.ok(), done.ok() ? "" : done.error().text().c_str());
    QCOMPARE(done->answered, std::int64_t(1));
    QCOMPARE(done->failed, std::int64_t(1));
    QCOMPARE((*cache.find(items[1].hash))->text, std::string("one"));
    QCOMPARE(server.seen()[0].header("x-api-key"), std::string("sk-planted-key-0123456789"));
  }

  void bedrockFilesAreJoined() {
    QTemporaryDir dir;
    const auto workspace = *Workspace::create(dir.path().toStdString() + "/w");
    const auto teacher = teacherOf(Kind::bedrock, "", "anthropic.claude-3-haiku-20240307-v1:0");
    auto log = *UsageLog::open(workspace);
    auto cache = *ResponseCache::open(workspace.cache(), "d", teacher.host(), teacher.model);
    const auto items = itemsOf(teacher, 3);
    const auto batch = submitBatch(workspace, teacher, items, log, half(), {}, {});
    QVERIFY2(batch.ok(), batch.ok() ? "" : batch.error().text().c_str());
    QCOMPARE(batch->state, std::string("written"));
    const fs::path out = fs::path(dir.path().toStdString()) / "out.jsonl";
    QVERIFY(writeFileAtomically(out, dumpJson({{"recordId", items[2].hash}, {"modelInput", {}}, {"modelOutput", messageBody("two")}}) + "\n" +
                                         dumpJson({{"recordId", items[0].hash}, {"modelInput", {}}, {"error", {{"errorCode", 400}, {"errorMessage", "no"}}}}) + "\n").ok());
    const auto joined = collectBatchFile(workspace, teacher, batch->id, out, cache, log, half());
    QVERIFY(joined.ok());
    QCOMPARE(joined->answered, std::int64_t(1));
    QCOMPARE(joined->missing, std::int64_t(1));
    const auto again = collectBatchFile(workspace, teacher, batch->id, out, cache, log, half());
    QCOMPARE(again->answered, std::int64_t(1));    // joined once
    QCOMPARE((*cache.find(items[2].hash))->text, std::string("two"));
  }
};

QTEST_GUILESS_MAIN(TestBatch)
#include "tst_batch.moc"
