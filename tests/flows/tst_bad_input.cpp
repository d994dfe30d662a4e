// Bad input, at the programs' edge: each mistake ends with its exit code and a sentence that names thing, place, reason and next step.
#include "flows/flow_tools.h"

using namespace retort;
using flow::cli;

namespace {

/// Every part must stand in what was said; the whole text is shown when one is missing.
bool says(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts)
    if (text.find(part) == std::string::npos) return qWarning("\"%s\" is missing in:\n%s", part.c_str(), text.c_str()), false;
  return true;
}

std::string littleEndian(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

}  // namespace

class TestBadInput : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path at(const std::string& name) const { return fs::path(m_dir.path().toStdString()) / name; }
  static fs::path tiny() { return fs::path(std::getenv("RETORT_SOURCE")) / "resources" / "tiny"; }
  void write(const std::string& name, std::string_view bytes) const { QVERIFY(writeFileAtomically(at(name), bytes).ok()); }

  /// A workspace of its own (its supervisor keeps the limits it was started under) with the dataset and a spec of a short run of
  /// a copy of the tiny model.
  void makeRun(const std::string& name) const {
    QCOMPARE(cli({"init", at(name).string()}).exitCode, 0);
    fs::copy(m_base / "datasets", at(name) / "datasets", fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    fs::copy(tiny(), at(name + "-model"), fs::copy_options::recursive);
    const auto spec = cli({"-w", at(name).string(), "run", "spec", "--dataset", "d", "--student", at(name + "-model").string(), "--set", "methods.0.steps=4", "--set", "train.checkpoint_every=1",
                           "--set", "eval.every=0", "--set", "eval.rows=4", "--set", "eval.samples=0", "--set", "train.batch_rows=2"});
    QVERIFY2(spec.exitCode == 0, spec.err.c_str());
    write(name + ".json", spec.out);
  }

  static std::string row(int i, const std::string& question) {
    return dumpJson({{"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", i % 3 ? "yes" : "no"}}}}}) + "\n";
  }

  fs::path m_base;

 private Q_SLOTS:
  void initTestCase() {
    m_base = at("base");
    QCOMPARE(cli({"init", m_base.string()}).exitCode, 0);
    std::string rows;
    for (int i = 0; i < 200; ++i) rows += row(i, "Question " + std::to_string(i * 7919));
    write("rows.jsonl", rows);
    const auto built = cli({"-w", m_base.string(), "dataset", "build", "d", "--rows", at("rows.jsonl").string()});
    QVERIFY2(built.exitCode == 0, built.err.c_str());
  }

  void cutGzip() {
    QCOMPARE(cli({"init", at("cut").string()}).exitCode, 0);
    QCOMPARE(cli({"logs", "generate", at("tree").string(), "--records", "60", "--seed", "3", "--tree"}).exitCode, 0);
    fs::path file;
    for (const auto& entry : fs::recursive_directory_iterator(at("tree")))
      if (entry.path().extension() == ".gz" && (file.empty() || entry.file_size() > fs::file_size(file))) file = entry.path();
    QVERIFY(!file.empty());
    const auto whole = readFile(file);
    QVERIFY(whole.ok());
    write("cut.json.gz", std::string_view(*whole).substr(0, whole->size() * 2 / 3));
    const auto out = cli({"-w", at("cut").string(), "logs", "import", at("cut.json.gz").string()});
    QCOMPARE(out.exitCode, 3);
    QVERIFY(says(out.err, {"cut.json.gz", "is cut", "the whole lines before are in", "retort-cli logs rejects"}));
    const Json list = flow::cliJson({"-w", at("cut").string(), "logs", "rejects"});
    QCOMPARE(list["of"].get<int>(), 1);
    QVERIFY(list["rejects"][0]["line"].get<int>() > 1);
  }

  void linesThatAreNoJson() {
    QCOMPARE(cli({"init", at("lines").string()}).exitCode, 0);
    write("bad.jsonl", "nonsense\n{\"a\":1}\n");
    int code = 0;
    const Json counts = flow::cliJson({"-w", at("lines").string(), "logs", "import", at("bad.jsonl").string()}, &code);
    QCOMPARE(code, 3);
    QCOMPARE(counts["lines"].get<int>(), 2);
    QCOMPARE(counts["rejected"].get<int>(), 2);
    const auto list = cli({"-w", at("lines").string(), "logs", "rejects"});
    QCOMPARE(list.exitCode, 0);
    QVERIFY(says(list.out, {"bad.jsonl, line 1 (byte 0): ", "bad.jsonl, line 2 (byte 9): "}));
    const auto none = cli({"-w", at("lines").string(), "logs", "import", at("nowhere.gz").string()});
    QCOMPARE(none.exitCode, 1);
    QVERIFY(says(none.err, {"nowhere.gz cannot be imported", "no such file", "Check the path"}));
  }

  void ggufMagic() {
    write("wrong.gguf", std::string("GGXX\3\0\0\0", 8) + std::string(64, 'a'));
    const auto out = cli({"model", "show", at("wrong.gguf").string()});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"wrong.gguf cannot be read as GGUF", "byte 0", "does not begin with GGUF", "Download it again"}));
  }

  void overlappingTensors() {
    fs::copy(tiny(), at("overlap"), fs::copy_options::recursive);
    const auto file = readFile(at("overlap") / "model.safetensors");
    QVERIFY(file.ok());
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>((*file)[i]);
    auto header = parseJson(std::string_view(*file).substr(8, length), "header");
    QVERIFY(header.ok());
    std::string moved;
    for (auto& [name, tensor] : header->items()) {
      if (!tensor.contains("data_offsets") || tensor["data_offsets"][0].get<std::int64_t>() == 0) continue;
      tensor["data_offsets"] = {tensor["data_offsets"][0].get<std::int64_t>() - 2, tensor["data_offsets"][1].get<std::int64_t>() - 2};
      moved = name;
      break;
    }
    const std::string text = dumpJson(*header);
    QVERIFY(writeFileAtomically(at("overlap") / "model.safetensors", littleEndian(text.size()) + text + file->substr(8 + length)).ok());
    const auto out = cli({"model", "show", at("overlap").string()});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"model.safetensors cannot be read as safetensors", "tensor ", "inside the tensor before it", "Download it again"}));
  }

  void pickle() {
    fs::create_directories(at("pickled"));
    fs::copy_file(tiny() / "config.json", at("pickled") / "config.json");
    QVERIFY(writeFileAtomically(at("pickled") / "pytorch_model.bin", std::string_view("\x80\x02}q\0.", 6)).ok());
    const auto out = cli({"model", "add", at("pickled").string()});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"pickled cannot be used as a model", "pytorch_model.bin", "pickle", "can run code", "Convert it to safetensors"}));
  }

  void namesThatAreNearlyRight() {
    const auto model = cli({"model", "show", "tniy"});
    QCOMPARE(model.exitCode, 1);
    QVERIFY(says(model.err, {"model tniy is unknown", "no name of the library", "Did you mean tiny?", "model list"}));
    const auto near = cli({"-w", m_base.string(), "run", "spec", "--dataset", "d", "--student", "tiny", "--set", "train.batch_rwos=3"});
    QCOMPARE(near.exitCode, 1);
    QVERIFY(says(near.err, {"train.batch_rwos is unknown", "Did you mean batch_rows?"}));
    const auto far = cli({"-w", m_base.string(), "run", "spec", "--dataset", "d", "--student", "tiny", "--set", "train.zzzzzzzz=3"});
    QCOMPARE(far.exitCode, 1);
    QVERIFY(says(far.err, {"train.zzzzzzzz is unknown", "Known here:", "micro_tokens"}));
    const auto hub = cli({"model", "add", "hf:nobody/nothing"}, {{"HF_HOME", at("hub").string()}});
    QCOMPARE(hub.exitCode, 1);
    QVERIFY(says(hub.err, {"nobody/nothing is not on this machine", at("hub").string(), "Retort downloads no models by itself", "huggingface-cli download nobody/nothing"}));
  }

  /// The same field in a file, not in an option.
  void unknownFieldOfASpecFile() {
    const auto spec = cli({"-w", m_base.string(), "run", "spec", "--dataset", "d", "--student", "tiny"});
    QCOMPARE(spec.exitCode, 0);
    auto json = parseJson(spec.out, "spec");
    QVERIFY(json.ok());
    (*json)["methods"][0]["lerning_rate"] = 0.1;
    write("field.json", json->dump());
    const auto out = cli({"-w", m_base.string(), "run", "start", at("field.json").string()});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"field.json: methods[0].lerning_rate is unknown", "Did you mean learning_rate?"}));
  }

  void whatCannotFitNamesWhatFits() {
    // 2,000 rows of about 5,000 tokens in one pass: some 300 GB of activations in f32.
    std::string rows;
    for (int i = 0; i < 2000; ++i) {
      std::string question;
      for (int k = 0; k < 900; ++k) question += std::to_string(i * 7919 + k * k * 31) + " ";
      rows += row(i, question);
    }
    write("large.jsonl", rows);
    const auto built = cli({"-w", m_base.string(), "dataset", "build", "large", "--rows", at("large.jsonl").string()});
    QVERIFY2(built.exitCode == 0, built.err.c_str());
    const auto spec = cli({"-w", m_base.string(), "run", "spec", "--dataset", "large", "--student", "tiny"});
    write("large.json", spec.out);
    const std::vector<std::string> large = {"--set", "train.micro_tokens=16777216", "--set", "train.batch_rows=1000000", "--set", "data.max_tokens=1048576", "--set", "train.precision=f32"};
    std::vector<std::string> words = {"-w", m_base.string(), "run", "start", at("large.json").string()};
    words.insert(words.end(), large.begin(), large.end());
    int code = 0;
    words[3] = "estimate";
    const Json forecast = flow::cliJson(words, &code);
    QVERIFY(forecast.contains("memory_total"));      // the one document is the forecast, with its blocker inside
    QCOMPARE(code == 1, !forecast["fits"].get<bool>());
    if (forecast["fits"].get<bool>()) QSKIP("this machine has memory for 300 GB of activations");
    words[3] = "start";
    const auto out = cli(words);
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"The run does not fit into memory", "it needs ", " are free", "Set train.micro_tokens to "}));
    const auto range = cli({"-w", m_base.string(), "run", "start", at("large.json").string(), "--set", "train.micro_tokens=100000000"});
    QCOMPARE(range.exitCode, 1);
    QVERIFY(says(range.err, {"train.micro_tokens", "must be between 1 and 16777216, and is 100000000"}));
  }

  void newerWorkspace() {
    QCOMPARE(cli({"init", at("newer").string()}).exitCode, 0);
    QVERIFY(writeFileAtomically(at("newer") / "workspace.json", R"({"schema":"retort.workspace/9","id":"x","name":"n"})").ok());
    const auto out = cli({"-w", at("newer").string(), "logs", "import", at("bad.jsonl").string()});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {at("newer").string(), "read-only", "a newer Retort", "Update Retort"}));
    QVERIFY(!fs::exists(at("newer") / "logs.db"));
    QCOMPARE(cli({"-w", at("newer").string(), "run", "list"}).exitCode, 0);  // reading goes on
  }

  void workspaceOfSomebodyElse() {
    if (::geteuid() == 0) QSKIP("root may write everywhere");
    QCOMPARE(cli({"init", at("locked").string()}).exitCode, 0);
    fs::permissions(at("locked"), fs::perms::owner_read | fs::perms::owner_exec);
    const auto out = cli({"-w", at("locked").string(), "logs", "import", at("rows.jsonl").string()});
    fs::permissions(at("locked"), fs::perms::owner_all);
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"locked", "read-only", "may not write", "Copy it"}));
  }

  void missingLibrary() {
    const std::vector<std::pair<std::string, std::string>> env = {{"RETORT_TORCH_ROOT", "/nowhere"}};
    const auto out = cli({"model", "generate", "tiny", "--prompt", "hi"}, env);
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"libtorch_cpu.so", "was not found", "/nowhere/lib", "packaging/setup", "retort-cli doctor"}));
    const auto doctor = cli({"doctor"}, env);
    QCOMPARE(doctor.exitCode, 1);
    QVERIFY(says(doctor.out, {"WRONG  Worker", "libtorch_cpu.so", "/nowhere/lib", "packaging/setup"}));
  }

  void modelChangedBeforeTheStart() {
    makeRun("hash");
    auto weights = readFile(at("hash-model") / "model.safetensors");
    QVERIFY(weights.ok());
    weights->back() = static_cast<char>(weights->back() ^ 1);
    QVERIFY(writeFileAtomically(at("hash-model") / "model.safetensors", *weights).ok());
    const auto out = cli({"-w", at("hash").string(), "run", "start", at("hash.json").string(), "--no-restart", "--set", "name=hash"});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.err, {"not the model that was chosen", "hash-model", "its SHA-256 is ", "put the old file back"}));
    QVERIFY(fs::is_empty(at("hash") / "runs"));
  }

  /// A file-size limit stands for a full disk: the student (1.6 MB) may be written, a checkpoint's file (3.3 MB) may not.
  void noRoomForACheckpoint() {
    makeRun("full");
    write("full.sh", "ulimit -f 2500; trap '' XFSZ; exec \"$@\"\n");
    const auto started = runCommand({"bash", {at("full.sh").string(), flow::bin("retort-cli").string(), "-w", at("full").string(), "run", "start", at("full.json").string(), "--no-restart", "--set", "name=full"}, {}, {}, {}});
    QVERIFY(started.ok());
    QVERIFY2(started->exitCode == 0, started->err.c_str());
    const auto out = cli({"-w", at("full").string(), "run", "wait", "full"});
    QCOMPARE(out.exitCode, 1);
    QVERIFY(says(out.out, {"failed, step 1 of 4", "checkpoints", "model.safetensors cannot be written", "larger than this user's limit", "Raise the limit"}));
    for (const auto& entry : fs::recursive_directory_iterator(at("full") / "runs"))
      QVERIFY2(entry.path().filename() != "model.safetensors", "half a checkpoint was left behind");
  }

  /// What a supervisor's death changes: nothing; the next one takes the run over while its worker goes on.
  void killedSupervisor() {
    makeRun("killed");
    const auto started = cli({"-w", at("killed").string(), "run", "start", at("killed.json").string(), "--set", "name=k", "--set", "methods.0.steps=30"});
    QVERIFY2(started.exitCode == 0, started.err.c_str());
    pid_t pid = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto line = readFile(entry.path() / "cmdline", 1u << 16);
      if (line.ok() && line->find("supervise") != std::string::npos && line->find(at("killed").string()) != std::string::npos) pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    }
    QVERIFY(pid > 1);
    QCOMPARE(::kill(pid, SIGKILL), 0);
    const auto out = cli({"-w", at("killed").string(), "run", "wait", "k"});
    QVERIFY2(out.exitCode == 0, (out.out + out.err).c_str());
    QVERIFY(says(out.out, {"done", "step 30 of 30"}));
  }
};

QTEST_GUILESS_MAIN(TestBadInput)
#include "tst_bad_input.moc"
