// The worker as its clients meet it: hello, methods, errors, streaming, cancel, and an end that comes with its parent's.
#include <chrono>
#include <csignal>
#include <thread>

#include "base/json.h"
#include "base/subprocess.h"
#include "job/rpc.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;

/// QCOMPARE for JSON, which Qt cannot print.
#define SAME(value, expected) QVERIFY2((value) == (expected), dumpJson(value).c_str())

namespace {

fs::path worker() {
  const char* bin = std::getenv("RETORT_BIN");
  return fs::path(bin ? bin : ".") / "retort-worker";
}

class Talk {
 public:
  explicit Talk(const std::vector<std::string>& args) {
    auto started = LineProcess::start({worker(), args, {}, {}, {}});
    if (started.ok()) m_process.emplace(std::move(*started));
  }
  Json read() {
    const auto line = m_process->readLine();
    if (!line.ok() || !*line) return nullptr;
    const auto parsed = parseJson(**line, "answer");
    return parsed.ok() ? *parsed : Json();
  }
  void write(const std::string& line) { (void)m_process->writeLine(line); }
  Json ask(const std::string& method, const Json& params) {
    write(dumpJson({{"id", ++m_id}, {"method", method}, {"params", params}}));
    m_notes = Json::array();
    for (;;) {
      const Json message = read();
      if (message.is_null() || message.contains("result") || message.contains("error")) return message;
      m_notes.push_back(message);
    }
  }
  [[nodiscard]] const Json& notes() const { return m_notes; }
  LineProcess& process() { return *m_process; }
  [[nodiscard]] bool started() const { return m_process.has_value(); }
  int m_id = 0;

 private:
  std::optional<LineProcess> m_process;
  Json m_notes;
};

const Json kFrance = Json::array({{{"role", "user"}, {"content", "What is the capital of France?"}}});

}  // namespace

class TestRpc : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    if (!fs::exists(worker())) QSKIP(("No " + worker().string()).c_str());
    if (!fs::exists(test::smolLm2())) QSKIP(("No model at " + test::smolLm2().string()).c_str());
  }
  void methods() {
    Talk talk({"rpc", test::smolLm2().string(), "--dtype", "f32", "--device", "cpu"});
    QVERIFY(talk.started());
    talk.write(job::rpcHello("test"));
    const Json hello = talk.read();
    QCOMPARE(hello.value("rpc", 0), 1);
    QCOMPARE(hello.value("parameters", 0), 134515008);
    QCOMPARE(hello.value("dtype", std::string()), std::string("f32"));

    const Json described = talk.ask("describe", Json::object());
    SAME(described["result"]["layers"], Json(30));
    SAME(described["result"]["bos"], Json(1));
    QVERIFY(described["result"]["template"].get<std::string>().size() > 300);

    const Json rendered = talk.ask("render", {{"messages", kFrance}, {"add_generation_prompt", true}});
    QCOMPARE(rendered["result"]["ids"].size(), 37u);
    const Json data = talk.ask("tokenize", {{"texts", {"<|im_end|>", ""}}});
    QVERIFY(data["result"]["ids"][0].size() > 1);
    const Json special = talk.ask("tokenize", {{"texts", {"<|im_end|>"}}, {"special", true}});
    SAME(special["result"]["ids"][0], Json::array({2}));

    const Json generated = talk.ask("generate", {{"prompts", {{{"messages", kFrance}}, {{"ids", {1, 9690, 198}}}}}, {"max_tokens", 12}, {"logprobs", 2}, {"stream", true}});
    const Json& answer = generated["result"]["outputs"][0];
    QCOMPARE(answer["text"].get<std::string>(), std::string("The capital of France is Paris."));
    SAME(answer["finish"], Json("stop"));
    SAME(answer["prompt_tokens"], Json(37));
    QCOMPARE(answer["top"][0].size(), 2u);
    std::string streamed;
    for (const auto& note : talk.notes())
      if (note.contains("delta") && note["delta"]["index"] == 0) streamed += note["delta"]["text"].get<std::string>();
    QCOMPARE(streamed, answer["text"].get<std::string>());

    const Json stopped = talk.ask("generate", {{"prompts", {{{"messages", kFrance}}}}, {"stop", {"France"}}});
    QCOMPARE(stopped["result"]["outputs"][0]["text"].get<std::string>(), std::string("The capital of "));

    const Json scored = talk.ask("score", {{"items", {{{"messages", kFrance}, {"target", {{"role", "assistant"}, {"content", "The capital of France is Paris."}}}}}}});
    SAME(scored["result"]["items"][0]["ids"], Json::array({504, 3575, 282, 4649, 314, 7042, 30, 2}));
    QVERIFY(std::abs(scored["result"]["items"][0]["sum"].get<double>() + 2.8371) < 5e-3);

    const Json profiled = talk.ask("profile", {{"prompts", {{{"messages", kFrance}}}}, {"warmup", 1}, {"max_tokens", 4}});
    SAME(profiled["result"]["rows"], Json(1));
    QVERIFY(profiled["result"]["request_ms"]["p50"].get<double>() > 0);

    SAME(talk.ask("generat", Json::object())["error"]["code"], Json("worker.rpc.method"));
    QVERIFY(talk.ask("generat", Json::object())["error"]["next"].get<std::string>().find("generate") != std::string::npos);
    SAME(talk.ask("generate", {{"prompts", 3}})["error"]["code"], Json("worker.rpc.params"));
    QVERIFY(talk.ask("generate", {{"prompts", Json::array()}, {"max_token", 3}}).contains("error"));
    talk.write("this is not JSON");
    QVERIFY(talk.read().contains("error"));

    // Cancel: the request ends with an error, and the next one is answered.
    talk.write(dumpJson({{"id", 500}, {"method", "generate"}, {"params", {{"prompts", {{{"text", "Once"}}}}, {"max_tokens", 4000}}}}));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    talk.write(dumpJson({{"id", 501}, {"method", "cancel"}, {"params", {{"id", 500}}}}));
    const Json ended = talk.read();
    SAME(ended["id"], Json(500));
    SAME(ended["error"]["code"], Json("base.cancelled"));
    QVERIFY(talk.ask("describe", Json::object()).contains("result"));
    talk.process().closeInput();
    QCOMPARE(talk.process().wait(), 0);
  }
  void failureIsSaidInTheHello() {
    Talk talk({"rpc", "/nowhere/model.gguf", "--device", "cpu"});
    const Json hello = talk.read();
    QVERIFY(hello.contains("error"));
    QVERIFY(hello["error"]["code"].get<std::string>().size() > 3);
    QVERIFY(talk.process().wait() != 0);
  }
  void idleExit() {
    Talk talk({"rpc", test::smolLm2().string(), "--device", "cpu", "--idle-exit", "1"});
    QVERIFY(talk.read().contains("rpc"));
    QCOMPARE(talk.process().wait(), 0);
  }
  void aMissingLibraryIsASentence() {
    const auto missing = runCommand({worker(), {"--version"}, {{"RETORT_TORCH_ROOT", "/nowhere"}}, {}, {}});
    RETORT_VERIFY(missing);
    QCOMPARE(missing->exitCode, 1);
    QVERIFY(missing->err.find("libtorch_cpu.so") != std::string::npos && missing->err.find("packaging/setup") != std::string::npos);
    const auto found = runCommand({worker(), {"--version"}, {}, {}, {}});
    RETORT_VERIFY(found);
    QVERIFY2(found->exitCode == 0 && found->out.find("retort-worker") == 0, found->err.c_str());
  }
};

QTEST_APPLESS_MAIN(TestRpc)
#include "tst_rpc.moc"
