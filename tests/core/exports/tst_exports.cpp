// Exports: what is planned is written, what is written is read again and equal, and each of six tamperings turns the gate red.
#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/files.h"
#include "exports/chat_shape.h"
#include "exports/export.h"
#include "exports/tensor_check.h"
#include "exports/verify_checks.h"
#include "exports/write.h"
#include "fixtures/small_model.h"
#include "models/adapter.h"
#include "models/gguf.h"
#include "models/tensor_names.h"

using namespace retort;
using namespace retort::exports;

namespace {

/// A student whose second stop id (0) no reader guesses from its name.
/// `wide`: rows of 256 and 512 values, which the K types need.
models::DecoderConfig studentConfig(const std::string& family = "llama", bool wide = false) {
  auto config = fixtures::smallConfig(family);
  if (wide) config.hidden = 256, config.ffn = 512, config.headDim = 64, config.heads = 4, config.kvHeads = 4;
  config.eosIds = {2, 0};
  return config;
}

VerifyOptions still() {
  VerifyOptions options;
  options.run = false;
  options.prompts = 8;
  return options;
}

/// All checks but the greedy one, which these tests leave out.
bool staticallyGreen(const Verdict& verdict) {
  return !verdict.checks.empty() && std::all_of(verdict.checks.begin(), verdict.checks.end(), [](const Check& c) { return c.ok || c.name == "greedy"; });
}

std::string redChecks(const Verdict& verdict) {
  std::string out;
  for (const auto& check : verdict.checks)
    if (!check.ok && check.name != "greedy") out += check.name + " ";
  return out;
}

/// An export of one format in a temporary folder, to be tampered with.
struct Made {
  QTemporaryDir dir;
  fs::path root, artefact;
  Student student;
  Target target;

  explicit Made(const std::string& format, const std::string& family = "llama") {
    const fs::path base = dir.path().toStdString();
    qputenv("RETORT_DATA_HOME", (base / "home").string().c_str());
    if (!fixtures::writeSmallModel(base / "student", studentConfig(family, format.find("_k") != std::string::npos)).ok()) return;
    auto found = studentFrom(base / "student");
    if (!found.ok()) {
      qWarning("%s", found.error().text().c_str());
      return;
    }
    student = std::move(found).value();
    ExportOptions options;
    options.targets = parseTargets(format).value();
    options.out = base / "export";
    options.verify = still();
    const auto made = exportStudent(student, options);
    if (!made.ok()) {
      qWarning("%s", made.error().text().c_str());
      return;
    }
    target = options.targets[0];
    root = made->folder;
    artefact = root / made->verdicts[0].path;
  }
  [[nodiscard]] Verdict against() const {
    std::vector<Prompt> prompts;
    std::vector<Answer> answers;
    auto verdict = verifyAgainst(student, target, artefact, root, hashFiles(artefact, root).value(), still(), prompts, answers);   // its own hashes: only the content speaks
    return verdict.ok() ? *verdict : Verdict();
  }
  [[nodiscard]] Verdict alone() const {
    const auto verdicts = verifyFolder(root, still());
    return verdicts.ok() ? verdicts->front() : Verdict();
  }
  /// Makes card.json say what the tampered files are, as somebody would who wants to hide it.
  void forgeHashes() const {
    Json card = readJsonFile(root / "card.json").value();
    const auto hashes = hashFiles(artefact, root).value();
    for (const auto& [file, hash] : hashes) card["artefacts"][0]["sha256"][file] = hash;
    QVERIFY(writeJsonFile(root / "card.json", card).ok());
  }
  [[nodiscard]] std::string bytes() const { return readFile(artefact).value(); }
  void write(const std::string& bytes) const { std::ofstream(artefact, std::ios::binary) << bytes; }
  /// Place of a tensor's bytes in the file.
  [[nodiscard]] std::size_t placeOf(const std::string& tensor) const {
    const auto header = models::readGgufHeader(**models::InputFile::open(artefact)).value();
    return static_cast<std::size_t>(header.dataOffset + header.tensor(tensor)->offset);
  }
};

}  // namespace

class TstExports : public QObject {
  Q_OBJECT
 private slots:
  void targetsAreParsed() {
    const auto targets = parseTargets("hf,adapter,gguf:f16,Q8_0,gguf:q4_k,hf");
    QVERIFY(targets.ok());
    QCOMPARE(targets->size(), std::size_t{5});
    QCOMPARE(targets->at(3).format(), std::string("gguf:q8_0"));
    QCOMPARE(targets->at(4).format(), std::string("gguf:q4_k_m"));
    const auto more = parseTargets("hf:f32, hf:bf16,gguf-adapter,ollama,q4_0,bedrock-import,gguf:q5_k");
    QVERIFY(more.ok());
    std::string formats;
    for (const auto& target : *more) {
      formats += target.format() + " ";
      QCOMPARE(parseTarget(target.format())->format(), target.format());
    }
    QCOMPARE(formats, std::string("hf:f32 hf gguf-adapter ollama:q8_0 ollama:q4_0 bedrock-import gguf:q5_k_m "));
    QCOMPARE(parseTargets("hf:q8_0").error().code, std::string("exports.target.unknown"));
    QCOMPARE(parseTargets("adapter:f16").error().code, std::string("exports.target.unknown"));
    QCOMPARE(parseTargets("gguf:q9").error().code, std::string("exports.target.unknown"));
    QCOMPARE(parseTargets("q8_0").error().code, std::string("exports.target.unknown"));
    QCOMPARE(parseTargets("").error().code, std::string("exports.target.unknown"));
  }

  void typesFallBackByWidth() {
    const Target q4{Kind::gguf, "q4_k_m"}, q8{Kind::gguf, "q8_0"};
    const auto type = [](const Target& target, const char* name, std::vector<std::int64_t> shape, std::string* why = nullptr) {
      return tensorType(target, {"", name, std::move(shape), models::RowOrder::same, 0}, 16, true, why);
    };
    std::string why;
    QCOMPARE(type(q4, "blk.5.attn_q.weight", {576, 576}, &why), models::GgmlType::q5_0);
    QVERIFY(why.find("Q5_0 instead of Q4_K") != std::string::npos);
    QCOMPARE(type(q4, "blk.5.attn_q.weight", {512, 512}), models::GgmlType::q4_k);
    QCOMPARE(type(q4, "token_embd.weight", {100, 576}), models::GgmlType::q8_0);
    QCOMPARE(type(q4, "token_embd.weight", {100, 512}), models::GgmlType::q6_k);
    QCOMPARE(type(q4, "blk.0.ffn_down.weight", {512, 512}), models::GgmlType::q6_k);   // layers 0, 1 of 16
    QCOMPARE(type(q4, "blk.3.ffn_down.weight", {512, 512}), models::GgmlType::q4_k);
    QCOMPARE(type(q4, "blk.4.attn_v.weight", {512, 512}), models::GgmlType::q6_k);     // (4 - 2) % 3 = 2
    QCOMPARE(type(q4, "blk.14.attn_v.weight", {512, 512}), models::GgmlType::q6_k);
    QCOMPARE(type(q8, "blk.0.ffn_down.weight", {512, 50}), models::GgmlType::f16);
    QCOMPARE(type(q8, "blk.0.attn_norm.weight", {512}), models::GgmlType::f32);
  }

  void everyFormatIsGreen_data() {
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("family");
    for (const auto& type : ggufTypeNames()) QTest::newRow(type.c_str()) << QString::fromStdString("gguf:" + type) << "llama";
    for (const char* format : {"hf", "hf:f16", "hf:f32", "ollama:q8_0", "ollama:q4_k_m", "bedrock-import"}) QTest::newRow(format) << format << "llama";
    for (const char* family : {"qwen2", "qwen3", "smollm3", "mistral"}) {
      QTest::addRow("%s hf", family) << "hf" << family;
      QTest::addRow("%s gguf", family) << "gguf:f16" << family;
    }
  }
  void everyFormatIsGreen() {
    QFETCH(QString, format);
    QFETCH(QString, family);
    const Made made(format.toStdString(), family.toStdString());
    QVERIFY(!made.artefact.empty());
    const auto against = made.against(), alone = made.alone();
    for (const auto& check : against.checks) QVERIFY2(check.ok || check.name == "greedy", (check.name + ": " + check.detail).c_str());
    for (const auto& check : alone.checks) QVERIFY2(check.ok || check.name == "greedy", (check.name + ": " + check.detail).c_str());
    QVERIFY(staticallyGreen(against) && against.find("tensors") != nullptr && against.find("prompts") != nullptr);
    QVERIFY(!against.verified() && against.undecided);   // nobody asked the model
    const Json verify = readJsonFile(made.root / "verify.json").value();
    QCOMPARE(verify["verified"], Json(false));
  }

  void planSaysSizes() {
    const Made made("gguf:q4_0");
    const auto plan = planExport(made.student, parseTargets("hf,gguf:q4_0,gguf:f16").value());
    QVERIFY(plan.ok());
    QCOMPARE(plan->targets[1].bytes, static_cast<std::uint64_t>(fs::file_size(made.artefact)));
    QVERIFY(plan->targets[2].bytes > plan->targets[1].bytes);
    QCOMPARE(planExport(made.student, parseTargets("adapter").value()).error().code, std::string("exports.adapter.none"));
  }

  void flippedByteIsRed() {
    const Made made("gguf:q8_0");
    auto bytes = made.bytes();
    bytes[made.placeOf("blk.1.ffn_up.weight") + 40] = static_cast<char>(bytes[made.placeOf("blk.1.ffn_up.weight") + 40] ^ 1);
    made.write(bytes);
    QCOMPARE(redChecks(made.alone()), std::string("files "));
  }

  void unpermutedRowsAreRed() {
    const Made made("gguf:f16");
    auto bytes = made.bytes();
    const auto rows = std::as_writable_bytes(std::span(bytes)).subspan(made.placeOf("blk.0.attn_q.weight"), 64 * 64 * 2);
    models::reorderRows(rows, 64, 16, false);   // as a writer that forgets the order would have it
    made.write(bytes);
    QCOMPARE(redChecks(made.against()), std::string("tensors "));
    QVERIFY(made.against().find("tensors")->detail.find("blk.0.attn_q.weight") != std::string::npos);
    QCOMPARE(redChecks(made.alone()), std::string("files "));
  }

  void doubledScaleIsRed_data() {
    QTest::addColumn<QString>("type");
    QTest::addColumn<int>("scaleAt");
    for (const char* type : {"q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "q4_k_s", "q5_k_m"}) QTest::newRow(type) << type << 0;
    QTest::newRow("q6_k") << "q6_k" << 208;
    QTest::newRow("q3_k_m") << "q3_k_m" << 108;
    QTest::newRow("q2_k") << "q2_k" << 80;
  }
  void doubledScaleIsRed() {
    QFETCH(QString, type);
    QFETCH(int, scaleAt);
    const Made made("gguf:" + type.toStdString());
    auto bytes = made.bytes();
    const std::size_t at = made.placeOf("blk.1.attn_q.weight") + static_cast<std::size_t>(scaleAt);
    bytes[at + 1] = static_cast<char>(bytes[at + 1] + 4);   // exponent of the f16 up by one
    made.write(bytes);
    QCOMPARE(redChecks(made.against()), std::string("tensors "));
    QCOMPARE(redChecks(made.alone()), std::string("files "));
  }

  void removedStopIdIsRed() {
    const Made made("gguf:f16");
    auto bytes = made.bytes();
    const std::string key = "tokenizer.ggml.eot_token_id";
    const auto at = bytes.find(key);
    QVERIFY(at != std::string::npos);
    QCOMPARE(static_cast<int>(bytes[at + key.size() + 4]), 0);
    bytes[at + key.size() + 4] = 2;   // the other stop id again: 0 is gone
    made.write(bytes);
    made.forgeHashes();
    QCOMPARE(redChecks(made.against()), std::string("stop "));
    QCOMPARE(redChecks(made.alone()), std::string("stop "));

    const Made folder("hf");
    for (const char* name : {"config.json", "generation_config.json"}) {
      Json json = readJsonFile(folder.artefact / name).value();
      QCOMPARE(json["eos_token_id"], Json({2, 0}));
      json["eos_token_id"] = 2;
      QVERIFY(writeJsonFile(folder.artefact / name, json).ok());
    }
    folder.forgeHashes();
    QCOMPARE(redChecks(folder.against()), std::string("stop "));
    QCOMPARE(redChecks(folder.alone()), std::string("stop "));
  }

  void templateChangedByNewlineIsRed() {
    const Made made("gguf:f16");
    auto bytes = made.bytes();
    const auto at = bytes.find("{% for message");
    QVERIFY(at != std::string::npos);
    bytes[at + 2] = '\n';
    made.write(bytes);
    made.forgeHashes();
    QVERIFY(redChecks(made.against()).find("template ") != std::string::npos);
    QVERIFY(redChecks(made.alone()).find("template ") != std::string::npos);

    const Made folder("hf");
    Json config = readJsonFile(folder.artefact / "tokenizer_config.json").value();
    config["chat_template"] = config["chat_template"].get<std::string>() + "\n";
    QVERIFY(writeJsonFile(folder.artefact / "tokenizer_config.json", config).ok());
    folder.forgeHashes();
    QVERIFY(redChecks(folder.against()).find("template ") != std::string::npos);
    QVERIFY(redChecks(folder.alone()).find("template ") != std::string::npos);
  }

  void swappedVocabularyEntryIsRed() {
    const Made made("gguf:f16");
    auto bytes = made.bytes();
    // Two neighbours of the token list: "a" and "b", each a length of one and a letter.
    std::string pair(8, '\0');
    pair[0] = 1;
    std::string wanted = pair + "a" + pair + "b", swapped = pair + "b" + pair + "a";
    const auto at = bytes.find(wanted);
    QVERIFY(at != std::string::npos);
    bytes.replace(at, wanted.size(), swapped);
    made.write(bytes);
    made.forgeHashes();
    QVERIFY(redChecks(made.against()).find("tokens ") != std::string::npos);
    QVERIFY(redChecks(made.against()).find("prompts ") != std::string::npos);
    QVERIFY(redChecks(made.alone()).find("tokens ") != std::string::npos);
  }

  void missingAndAddedFilesAreRed() {
    const Made made("hf");
    QVERIFY(writeFileAtomically(made.artefact / "extra.py", "print()").ok());
    QCOMPARE(redChecks(made.alone()), std::string("files "));
    fs::remove(made.artefact / "extra.py");
    QVERIFY(staticallyGreen(made.alone()));
    fs::remove(made.artefact / "generation_config.json");
    QVERIFY(redChecks(made.alone()).find("files ") != std::string::npos);
  }

  void copiedFolderVerifiesAnywhere() {
    const Made made("gguf:q8_0");
    const auto copy = fs::path(made.dir.path().toStdString()) / "far" / "away";
    fs::create_directories(copy.parent_path());
    fs::copy(made.root, copy, fs::copy_options::recursive);
    fs::remove_all(made.root);
    fs::remove_all(made.student.path);
    const auto byFolder = verifyFolder(copy, still()), byFile = verifyFolder(copy / made.artefact.filename(), still());
    QVERIFY(byFolder.ok() && byFile.ok());
    QVERIFY(staticallyGreen(byFolder->front()) && staticallyGreen(byFile->front()));
    Json card = readJsonFile(copy / "card.json").value();
    card["artefacts"][0]["path"] = "../../etc/passwd";
    QVERIFY(writeJsonFile(copy / "card.json", card).ok());
    QCOMPARE(verifyFolder(copy, still()).error().code, std::string("exports.verify.card"));
    fs::remove(copy / "card.json");
    QCOMPARE(verifyFolder(copy, still()).error().code, std::string("exports.verify.card"));
  }

  void adapterIsCopiedAndChecked() {
    QTemporaryDir dir;
    const fs::path base = dir.path().toStdString();
    qputenv("RETORT_DATA_HOME", (base / "home").string().c_str());
    QVERIFY(fixtures::writeSmallModel(base / "student").ok());
    models::Adapter adapter;
    adapter.rank = 1, adapter.alpha = 2, adapter.baseModel = "base";
    adapter.pairs.push_back({"model.layers.0.mlp.down_proj", 1, 96, 64, std::vector<float>(96, 0.5F), std::vector<float>(64, 0.25F)});
    QVERIFY(models::writeAdapter(base / "adapter", adapter).ok());
    const auto student = studentFrom(base / "student", base / "adapter");
    QVERIFY(student.ok());
    ExportOptions options;
    options.targets = parseTargets("adapter").value();
    options.out = base / "export";
    options.verify = still();
    const auto made = exportStudent(*student, options);
    QVERIFY2(made.ok() && made->verified(), made.ok() ? redChecks(made->verdicts[0]).c_str() : made.error().text().c_str());
    QCOMPARE(readFile(base / "adapter" / "adapter_config.json").value(), readFile(base / "export" / "adapter" / "adapter_config.json").value());
    // One of another model is refused.
    adapter.pairs[0].module = "model.layers.9.mlp.down_proj";
    fs::remove_all(base / "adapter");
    QVERIFY(models::writeAdapter(base / "adapter", adapter).ok());
    options.out = base / "second";
    QCOMPARE(exportStudent(*student, options).error().code, std::string("models.adapter.module"));
    QVERIFY(!fs::exists(base / "second"));
  }

  void ggufAdapterKeepsEveryValue() {
    QTemporaryDir dir;
    const fs::path base = dir.path().toStdString();
    qputenv("RETORT_DATA_HOME", (base / "home").string().c_str());
    QVERIFY(fixtures::writeSmallModel(base / "student").ok());
    models::Adapter adapter;
    adapter.rank = 2, adapter.alpha = 4, adapter.rankStabilised = true, adapter.baseModel = "base";
    std::vector<float> a(2 * 64), b(64 * 2);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i), b[i] = static_cast<float>(i) * 0.5F;
    adapter.pairs.push_back({"model.layers.1.self_attn.q_proj", 2, 64, 64, a, b});
    QVERIFY(models::writeAdapter(base / "adapter", adapter).ok());
    const auto student = studentFrom(base / "student", base / "adapter");
    ExportOptions options;
    options.targets = parseTargets("gguf-adapter").value();
    options.out = base / "export";
    options.verify = still();
    const auto made = exportStudent(*student, options);
    QVERIFY2(made.ok() && made->verified(), made.ok() ? redChecks(made->verdicts[0]).c_str() : made.error().text().c_str());
    const fs::path file = made->folder / made->verdicts[0].path;
    QVERIFY(verifyFolder(made->folder, still())->front().verified());
    const auto header = models::readGgufHeader(**models::InputFile::open(file)).value();
    QCOMPARE(header.number("adapter.lora.alpha").value() / 2, 4 / std::sqrt(2.0F));   // what a reader divides by the rank
    // A writer that forgets the order of q rows is found out.
    auto bytes = readFile(file).value();
    const auto at = static_cast<std::size_t>(header.dataOffset + header.tensor("blk.1.attn_q.weight.lora_b")->offset);
    models::reorderRows(std::as_writable_bytes(std::span(bytes)).subspan(at, 64 * 2 * 4), 64, 16, false);
    std::ofstream(file, std::ios::binary) << bytes;
    Verdict verdict;
    QVERIFY(checkGgufAdapter(verdict, *student, file).ok());
    QCOMPARE(redChecks(verdict), std::string("tensors "));
  }

  void modelfileSaysWhatTheTemplateSays() {
    const Made made("ollama:q8_0");
    const auto path = made.artefact / "Modelfile";
    const std::string text = readFile(path).value();
    const auto with = [&](const std::string& from, const std::string& to) {
      std::string changed = text;
      const auto at = changed.find(from);
      if (at != std::string::npos) changed.replace(at, from.size(), to);
      std::ofstream(path, std::ios::binary) << changed;
      return at != std::string::npos ? redChecks(made.against()) : std::string("not found: ") + text;
    };
    QCOMPARE(with("{{ .Content }}", "{{ .Content }}\n"), std::string("modelfile "));
    QCOMPARE(with("<|im_end|>", ""), std::string("modelfile "));
    QCOMPARE(with("PARAMETER stop", "PARAMETER top_k 4\nPARAMETER sto"), std::string("modelfile "));
    QCOMPARE(with("{{ .Content }}", "{{ .Content | upper }}"), std::string("modelfile "));
    QCOMPARE(with("FROM ./model.gguf", "FROM ./model.gguf "), std::string());
    std::ofstream(path, std::ios::binary) << text;
    QCOMPARE(redChecks(made.against()), std::string());
    QCOMPARE(redChecks(made.alone()), std::string());
  }

  /// Every template of the test data that puts texts around messages gives the same prompts through a Modelfile; others are refused.
  void modelfilesOfPublicTemplates() {
    const char* given = std::getenv("RETORT_TEST_DATA");
    const fs::path folder = (given != nullptr ? fs::path(given) : fs::path(std::getenv("RETORT_SOURCE")) / ".." / "shared" / "data") / "chat-templates";
    if (!fs::exists(folder)) QSKIP("shared/data/chat-templates is absent");
    int simple = 0, refused = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() != ".jinja") continue;
      models::TextParts text;
      text.chat = text::ChatTemplate::parse(readFile(entry.path()).value(), entry.path().filename().string()).value();
      text.tokens = {"<s>", "</s>"};
      const auto shape = chatShape(text, entry.path().stem().string());
      if (!shape.ok()) {
        ++refused;
        QCOMPARE(shape.error().code, std::string("exports.ollama.template"));
        continue;
      }
      ++simple;
      const Modelfile file = readModelfile("FROM ./m.gguf\nTEMPLATE \"\"\"" + goTemplate(*shape, false) + "\"\"\"\nSYSTEM \"\"\"" + shape->defaultSystem + "\"\"\"\n", "Modelfile").value();
      for (const Json& conversation : probeConversations()) QCOMPARE(renderGoTemplate(file, conversation).value(), renderJinja(text, conversation).value());
    }
    qInfo("%d templates fit a Modelfile, %d do more", simple, refused);
    QVERIFY(simple >= 5);
  }

  void bedrockTakesOnlyItsFamilies() {
    const Made made("bedrock-import");
    QVERIFY(readFile(made.artefact / "IMPORT.md")->find("aws bedrock create-model-import-job") != std::string::npos);
    QTemporaryDir dir;
    const fs::path base = dir.path().toStdString();
    QVERIFY(fixtures::writeSmallModel(base / "student", studentConfig("smollm3")).ok());
    const auto student = studentFrom(base / "student");
    QCOMPARE(planExport(*student, parseTargets("bedrock-import").value()).error().code, std::string("exports.bedrock.rule"));
  }

  void tokenizerFilesAreCopiedByteForByte() {
    const Made made("hf");
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) QCOMPARE(readFile(made.artefact / name).value(), readFile(made.student.path / name).value());
    QCOMPARE(readFile(made.artefact / "model.safetensors").value(), readFile(made.student.path / "model.safetensors").value());
    const auto card = readFile(made.artefact / "README.md").value();
    QVERIFY(card.find(made.student.sha256) != std::string::npos && card.find("<|im_end|> (2)") != std::string::npos);
  }

  void greedyRule() {
    const std::vector<Prompt> prompts(3, Prompt{"row", Json(), Json(), {1}});
    const std::vector<Answer> student = {{{5, 6, 2}, {1, 1, 1}}, {{5, 7}, {1, 0.01}}, {{5, 8}, {1, 0.5}}};
    std::vector<Answer> made = {{{5, 6, 2}, {1, 1, 1}}, {{5, 9}, {1, 0.015}}, {{5, 3}, {1, 0.4}}};
    const auto report = compareAnswers(prompts, student, made);
    QCOMPARE(report.same, std::int64_t{1});
    QCOMPARE(report.nearTies, std::int64_t{1});
    QCOMPARE(report.different, std::int64_t{1});
    QCOMPARE(report.firstDifference["position"], Json(1));
    QCOMPARE(report.firstDifference["export"], Json(3));
    Verdict verdict;
    verdict.format = "gguf:f16";
    judgeGreedy(verdict, report, false);
    QVERIFY(!verdict.verified());
    // An answer that ends early differs too.
    made = student;
    made[0].ids.pop_back();
    QCOMPARE(compareAnswers(prompts, student, made).different, std::int64_t{1});
    // KL of a distribution with itself is 0; of p = (.5, .5) against q = (.75, .25) it is ln(2 / sqrt 3) = 0.143841.
    const Speaker::Top p = {{{1, std::log(0.5)}, {2, std::log(0.5)}}}, q = {{{1, std::log(0.75)}, {2, std::log(0.25)}}};
    QCOMPARE(meanKl({p}, {p}), 0.0);
    QVERIFY(std::abs(meanKl({p}, {q}) - 0.143841) < 1e-6);
    GreedyReport far = report;
    far.meanKl = 3;
    Verdict quantised;
    quantised.format = "gguf:q8_0";
    judgeGreedy(quantised, far, true);
    QVERIFY(!quantised.find("kl")->ok);
  }

  void takenFolderIsRefused() {
    const Made made("hf");
    ExportOptions options;
    options.targets = parseTargets("hf").value();
    options.out = made.root;
    QCOMPARE(exportStudent(made.student, options).error().code, std::string("base.folder.exists"));
  }
};

QTEST_GUILESS_MAIN(TstExports)
#include "tst_exports.moc"
