// Exports from end to end: the command line writes and verifies, other programs say the same tokens, tampering is found anywhere.
#include <QtTest>

#include "flows/flow_tools.h"

#include <fstream>

#include "base/hash.h"
#include "models/gguf.h"

using namespace retort;

class TestExports : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path m_export;
  Json m_result;
  int m_exit = -1;
  std::vector<std::pair<std::string, std::string>> env() const {
    return {{"RETORT_DATA_HOME", (fs::path(m_dir.path().toStdString()) / "home").string()}, {"RETORT_RESOURCES", (fs::path(std::getenv("RETORT_SOURCE")) / "resources").string()}};
  }
  /// A copy of the export elsewhere.
  fs::path copy(const char* name) const {
    const auto target = fs::path(m_dir.path().toStdString()) / name;
    fs::copy(m_export, target, fs::copy_options::recursive);
    return target;
  }
  static void flip(const fs::path& file, std::size_t at, char bits) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(stream.get());
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(old ^ bits));
  }

 private Q_SLOTS:
  void initTestCase() {
    m_export = fs::path(m_dir.path().toStdString()) / "export";
    m_result = flow::cliJson({"export", "tiny", "--to", "hf,gguf:f32,gguf:f16,gguf:q8_0,gguf:q4_k_m", m_export.string()}, &m_exit, env());
  }

  void everyFileIsVerified() {
    QVERIFY2(m_exit == 0, m_result.dump(2).c_str());
    QCOMPARE(m_result["verified"], Json(true));
    QCOMPARE(m_result["exports"].size(), std::size_t{5});
    for (const Json& made : m_result["exports"]) {
      QVERIFY(made["verified"] == true && made["sha256"].get<std::string>().size() == 64);
      QVERIFY(fs::exists(made["path"].get<std::string>()));
    }
    for (const Json& made : m_result["artefacts"]) {
      QVERIFY(made["greedy"].is_object());
      QVERIFY(made["greedy"]["rows"].get<int>() >= 8);
    }
  }

  void otherProgramsSayTheSame() {
    if (!fs::exists(flow::oraclePython())) QSKIP("oracle: .deps/python is absent");
    const auto script = fs::path(std::getenv("RETORT_SOURCE")) / "tests/flows/oracle_exports.py";
    const auto finished = runCommand({flow::oraclePython(), {script.string(), m_export.string()}, {}, {}, {}});
    QVERIFY(finished.ok());
    QVERIFY2(finished->exitCode == 0, finished->err.substr(finished->err.size() > 2000 ? finished->err.size() - 2000 : 0).c_str());
    const auto said = parseJson(finished->out.substr(finished->out.rfind("{\"transformers\"")), "oracle");
    QVERIFY2(said.ok(), finished->out.c_str());
    const int rows = static_cast<int>(readJsonFile(m_export / "verify.json").value()["recorded"].size());
    QVERIFY(rows >= 4);
    const auto agrees = [&](const Json& counts) { return counts["different"] == 0 && counts["same"].get<int>() + counts["near"].get<int>() == rows && counts["near"].get<int>() <= 1; };
    QVERIFY2(agrees((*said)["transformers"]), said->dump().c_str());
    QCOMPARE((*said)["transformers"]["prompts"], Json(rows));
    for (const char* format : {"gguf:f32", "gguf:f16"}) QVERIFY2(agrees((*said)["llama_cpp"][format]), said->dump().c_str());
    QCOMPARE((*said)["gguf"].size(), std::size_t{4});
  }

  void verifiesWhereverItIsCopied() {
    const auto far = copy("far");
    int exit = -1;
    const auto whole = flow::cliJson({"export", "verify", far.string()}, &exit, env());
    QVERIFY2(exit == 0, whole.dump(2).c_str());
    QCOMPARE(whole["artefacts"].size(), std::size_t{5});
    const auto one = flow::cliJson({"export", "verify", (far / "tiny-Q8_0.gguf").string()}, &exit, env());
    QVERIFY2(exit == 0, one.dump(2).c_str());
    QCOMPARE(one["artefacts"].size(), std::size_t{1});
    (void)flow::cliJson({"export", "verify", (far / "tiny-Q8_0.gguf").string(), "--no-run"}, &exit, env());
    QCOMPARE(exit, 6);   // nobody asked the model: undecided
  }

  void flippedByteFails() {
    const auto far = copy("flipped");
    flip(far / "tiny-F16.gguf", fs::file_size(far / "tiny-F16.gguf") - 200, 1);
    int exit = -1;
    const auto verdict = flow::cliJson({"export", "verify", (far / "tiny-F16.gguf").string()}, &exit, env());
    QCOMPARE(exit, 5);
    QCOMPARE(verdict["verified"], Json(false));
  }

  void changedWeightsWithForgedHashChangeTheWords() {
    // Whoever also rewrites card.json still has a model that speaks otherwise than recorded.
    const auto far = copy("forged");
    const auto file = far / "tiny-F16.gguf";
    const auto header = models::readGgufHeader(**models::InputFile::open(file)).value();
    const auto* down = header.tensor("blk.0.ffn_down.weight");
    for (std::uint64_t i = 1; i < down->bytes; i += 2) flip(file, static_cast<std::size_t>(header.dataOffset + down->offset + i), static_cast<char>(0x84));   // other sign and exponent
    Json card = readJsonFile(far / "card.json").value();
    for (Json& made : card["artefacts"])
      if (made["path"] == "tiny-F16.gguf") made["sha256"]["tiny-F16.gguf"] = sha256File(file).value();
    QVERIFY(writeJsonFile(far / "card.json", card).ok());
    int exit = -1;
    const auto verdict = flow::cliJson({"export", "verify", file.string()}, &exit, env());
    QVERIFY2(exit == 5, verdict.dump(2).c_str());
    for (const Json& check : verdict["artefacts"][0]["checks"]) QCOMPARE(check["ok"].get<bool>(), check["name"] != "greedy");
  }

  void wrongFormatIsUsage() {
    const auto out = flow::cli({"export", "tiny", "--to", "gguf:q9", (fs::path(m_dir.path().toStdString()) / "x").string()}, env());
    QCOMPARE(out.exitCode, 2);
    QVERIFY2(out.err.find("q8_0") != std::string::npos, out.err.c_str());
    QCOMPARE(flow::cli({"export", "tiny"}, env()).exitCode, 2);
  }
};

QTEST_GUILESS_MAIN(TestExports)
#include "tst_exports.moc"
