// Whole models: folders and GGUF files under one face, refusals by name, row order, adapters, the library, fingerprints.
#include <QtTest>
#include <numeric>

#include "base/files.h"
#include "base/hash.h"
#include "fixtures/small_model.h"
#include "models/adapter.h"
#include "models/gguf_model.h"
#include "models/gguf_writer.h"
#include "models/library.h"
#include "models/rope_factors.h"
#include "models/text_parts.h"
#include "test_files.h"

using namespace retort;
using namespace retort::models;

namespace {

/// A config.json of the small model with one member changed.
std::string codeWith(const char* key, Json value, std::string* why = nullptr) {
  Json json = configToHuggingFace(fixtures::smallConfig(), "bfloat16");
  json[key] = std::move(value);
  const auto config = configFromHuggingFace(json, "config.json");
  if (config.ok()) return "";
  if (why != nullptr) *why = config.error().text();
  return config.error().code;
}

std::string sampleOr(QString& skip) {
  if (tests::exists(tests::sampleModel())) return tests::sampleModel().string();
  skip = "the sample model SmolLM2-135M-Instruct.Q4_1.gguf is absent";
  return "";
}

}  // namespace

class TstModels : public QObject {
  Q_OBJECT
 private slots:
  void folderRoundTrip() {
    QTemporaryDir dir;
    const fs::path folder = dir.path().toStdString();
    QVERIFY(fixtures::writeSmallModel(folder).ok());
    const auto model = openModel(folder);
    QVERIFY2(model.ok(), model.ok() ? "" : model.error().text().c_str());
    QCOMPARE((*model)->format(), std::string("hf"));
    std::int64_t total = 0;
    for (const auto& tensor : (*model)->tensors()) total += std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>());
    QCOMPARE(total, (*model)->config().parameters());
    const auto parts = textParts(**model);
    QVERIFY2(parts.ok(), parts.ok() ? "" : parts.error().text().c_str());
    QCOMPARE(parts->stopIds, std::vector<text::TokenId>{2});
    QCOMPARE(parts->tokens.bos, std::string("<|im_start|>"));
    QVERIFY(parts->chat != nullptr);
    const auto ids = parts->tokenizer->encode("the in on");
    QVERIFY(ids.ok());
    QCOMPARE(parts->tokenizer->decode(*ids), std::string("the in on"));
  }

  void configsRoundTrip_data() {
    QTest::addColumn<QString>("family");
    for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "smollm3"}) QTest::newRow(family) << family;
  }
  void configsRoundTrip() {
    QFETCH(QString, family);
    auto config = fixtures::smallConfig(family.toStdString());
    config.tiedEmbeddings = family != "mistral";
    config.eosIds = {2, 0};
    if (family == "smollm3") config.nopeLayers = {1};
    if (family == "llama") config.ropeScaling = {"llama3", 8, 1, 4, 8192};
    if (family == "mistral") config.slidingWindow = 64;
    const auto back = configFromHuggingFace(configToHuggingFace(config, "bfloat16"), "x");
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QCOMPARE(dumpJson(configToHuggingFace(*back, "bfloat16")), dumpJson(configToHuggingFace(config, "bfloat16")));
    QCOMPARE(back->parameters(), config.parameters());
  }

  void newSpellingOfRope() {
    Json json = configToHuggingFace(fixtures::smallConfig(), "bfloat16");
    json.erase("rope_theta");
    json["rope_parameters"] = {{"rope_type", "llama3"}, {"rope_theta", 500000.0}, {"factor", 32.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
    const auto config = configFromHuggingFace(json, "x");
    QVERIFY(config.ok());
    QCOMPARE(config->ropeTheta, 500000.0);
    QCOMPARE(config->ropeScaling.factor, 32.0);
    const auto found = llama3FromDivisors(*config, llama3Divisors(*config));
    QVERIFY(found.has_value());
    QCOMPARE(found->originalContext, std::int64_t{8192});
    QCOMPARE(found->factor, 32.0);
  }

  void unsupportedIsNamed() {
    std::string why;
    QCOMPARE(codeWith("model_type", "gemma2", &why), std::string("models.config.unsupported"));
    QVERIFY(why.find("gemma2") != std::string::npos);
    QCOMPARE(codeWith("num_local_experts", 8, &why), std::string("models.config.unsupported"));
    QVERIFY(why.find("experts") != std::string::npos);
    QCOMPARE(codeWith("quantization_config", {{"bits", 4}}), std::string("models.config.unsupported"));
    QCOMPARE(codeWith("attention_bias", true), std::string("models.config.unsupported"));
    QCOMPARE(codeWith("hidden_act", "gelu"), std::string("models.config.unsupported"));
    QCOMPARE(codeWith("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}), std::string("models.config.unsupported"));
    QCOMPARE(codeWith("num_hidden_layers", 513), std::string("models.config.field"));
    QCOMPARE(codeWith("num_hidden_layers", "2"), std::string("models.config.field"));
    QCOMPARE(codeWith("num_key_value_heads", 3), std::string("models.config.field"));
    QCOMPARE(codeWith("hidden_size", -64), std::string("models.config.field"));
    QCOMPARE(codeWith("hidden_size", nullptr), std::string("models.config.field"));
    QCOMPARE(codeWith("torch_dtype", "float16"), std::string());
  }

  void folderRefusals() {
    QTemporaryDir dir;
    const fs::path base = dir.path().toStdString();
    const auto fresh = [&](const char* name) {
      const auto folder = base / name;
      return fixtures::writeSmallModel(folder).ok() ? folder : fs::path();
    };
    const auto codeOf = [](const fs::path& path) {
      const auto model = openModel(path);
      return model.ok() ? std::string() : model.error().code;
    };
    const auto noConfig = fresh("a");
    fs::remove(noConfig / "config.json");
    QCOMPARE(codeOf(noConfig), std::string("models.hf.config"));
    const auto pickle = fresh("b");
    fs::rename(pickle / "model.safetensors", pickle / "pytorch_model.bin");
    QCOMPARE(codeOf(pickle), std::string("models.hf.pickle"));
    QCOMPARE(codeOf(pickle / "pytorch_model.bin"), std::string("models.open.pickle"));
    const auto shape = fresh("c");
    auto config = fixtures::smallConfig();
    config.ffn = 128;
    QVERIFY(writeJsonFile(shape / "config.json", configToHuggingFace(config, "bfloat16")).ok());
    QCOMPARE(codeOf(shape), std::string("models.hf.shape"));
    config = fixtures::smallConfig();
    config.layers = 3;
    QVERIFY(writeJsonFile(shape / "config.json", configToHuggingFace(config, "bfloat16")).ok());
    QCOMPARE(codeOf(shape), std::string("models.hf.missing"));
    config.layers = 1;
    QVERIFY(writeJsonFile(shape / "config.json", configToHuggingFace(config, "bfloat16")).ok());
    QCOMPARE(codeOf(shape), std::string("models.hf.extra"));
    const auto link = fresh("d");
    fs::rename(link / "model.safetensors", base / "elsewhere.safetensors");
    fs::create_symlink(base / "elsewhere.safetensors", link / "model.safetensors");
    QCOMPARE(codeOf(link), std::string("models.hf.link"));
    for (const char* name : {"../elsewhere.safetensors", "/etc/passwd", ".hidden", ""}) {
      const auto index = fresh("e");
      fs::remove(index / "model.safetensors");
      QVERIFY(writeJsonFile(index / "model.safetensors.index.json", {{"weight_map", {{"model.norm.weight", name}}}}).ok());
      QCOMPARE(codeOf(index), std::string("models.hf.index"));
    }
    QCOMPARE(codeOf(base / "nothing"), std::string("models.open.missing"));
  }

  void shardsReadAsOne() {
    QTemporaryDir dir;
    const fs::path folder = dir.path().toStdString(), whole = folder / "whole", parts = folder / "parts";
    qputenv("RETORT_DATA_HOME", (folder / "home").string().c_str());   // fingerprints are cached there
    QVERIFY(fixtures::writeSmallModel(whole).ok());
    QVERIFY(fixtures::writeSmallModel(parts).ok());
    const auto model = openModel(whole);
    std::vector<TensorToWrite> tensors;
    for (const auto& info : (*model)->tensors())
      tensors.push_back({info.name, "BF16", info.shape, [source = *model, info](std::span<std::byte> out) { return source->readRaw(info, out); }});
    fs::remove(parts / "model.safetensors");
    const auto names = writeSafetensorsShards(parts, tensors, 40'000);
    QVERIFY(names.ok() && names->size() > 3);
    const auto again = openModel(parts);
    QVERIFY2(again.ok(), again.ok() ? "" : again.error().text().c_str());
    for (const auto& info : (*model)->tensors()) {
      std::vector<std::byte> a(info.bytes), b(info.bytes);
      QVERIFY((*model)->readRaw(info, a).ok() && (*again)->readRaw(info, b).ok());
      QVERIFY(a == b);
    }
    // Several files: the fingerprint is over their names and hashes.
    Sha256 all;
    std::vector<fs::path> files = (*again)->weightFiles();
    std::sort(files.begin(), files.end());
    for (const auto& file : files) all.update(file.filename().string() + " " + sha256File(file).value() + "\n");
    QCOMPARE(modelSha256(parts).value(), all.hex());
    QCOMPARE(modelSha256(whole).value(), sha256File(whole / "model.safetensors").value());
    QVERIFY(tests::exists(folder / "home" / "model-hashes.json"));
    qunsetenv("RETORT_DATA_HOME");
  }

  void rowsReorder() {
    std::vector<std::uint8_t> rows(16);
    std::iota(rows.begin(), rows.end(), std::uint8_t{0});
    reorderRows(std::as_writable_bytes(std::span(rows)), 16, 8, true);   // two heads of 8
    QCOMPARE(rows, (std::vector<std::uint8_t>{0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15}));
    reorderRows(std::as_writable_bytes(std::span(rows)), 16, 8, false);
    QCOMPARE(rows[5], std::uint8_t{5});
  }

  void sampleModelFacts() {
    QString skip;
    const std::string path = sampleOr(skip);
    if (path.empty()) QSKIP(qPrintable(skip));
    const auto model = openModel(path);
    QVERIFY2(model.ok(), model.ok() ? "" : model.error().text().c_str());
    const auto& c = (*model)->config();
    QCOMPARE((*model)->tensors().size(), std::size_t{272});
    QCOMPARE(c.parameters(), std::int64_t{134'515'008});
    QCOMPARE((*model)->name(), std::string("Smollm2 135M 8k Lc100K Mix1 Ep2"));
    QCOMPARE((*model)->licence(), std::string("apache-2.0"));
    QCOMPARE(c.layers, std::int64_t{30});
    QCOMPARE(c.hidden, std::int64_t{576});
    QCOMPARE(c.kvHeads, std::int64_t{3});
    QCOMPARE(c.ropeTheta, 100000.0);
    QCOMPARE(c.rmsEpsilon, 1e-5);
    QVERIFY(c.tiedEmbeddings);
    QCOMPARE(c.eosIds, std::vector<std::int32_t>{2});
    QCOMPARE((*model)->chatTemplate().size(), std::size_t{368});
    QCOMPARE((*model)->weightBytes(), std::uint64_t{98'362'432});
    QCOMPARE(mainStoredType(**model), std::string("Q4_1"));
    std::vector<int> kept;
    for (int i = 0; i < 30; i += 2) kept.push_back(i);
    QCOMPARE(c.withLayers(kept).parameters(), std::int64_t{81'413'568});
    const auto parts = textParts(**model);
    QVERIFY2(parts.ok(), parts.ok() ? "" : parts.error().text().c_str());
    const auto prompt = text::encodePrompt(*parts->chat, *parts->tokenizer, parts->tokens, Json::array({{{"role", "user"}, {"content", "What is the capital of France?"}}}), nullptr);
    QVERIFY(prompt.ok());
    const std::vector<text::TokenId> golden = {1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198};
    QCOMPARE(prompt->ids, golden);
  }

  void sampleModelTensorsEqualReference() {
    QString skip;
    const std::string path = sampleOr(skip);
    if (path.empty()) QSKIP(qPrintable(skip));
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    const auto model = openModel(path);
    QVERIFY(model.ok());
    for (const char* name : {"blk.7.attn_q.weight", "blk.0.ffn_down.weight"}) {
      const std::string hf = std::string(name) == "blk.7.attn_q.weight" ? "model.layers.7.self_attn.q_proj.weight" : "model.layers.0.mlp.down_proj.weight";
      const auto info = std::find_if((*model)->tensors().begin(), (*model)->tensors().end(), [&](const auto& t) { return t.name == hf; });
      std::vector<float> values(static_cast<std::size_t>(info->shape[0] * info->shape[1]));
      QVERIFY((*model)->readF32(*info, values).ok());
      // The reference knows the file's order only.
      if (hf.find("q_proj") != std::string::npos) reorderRows(std::as_writable_bytes(std::span(values)), info->shape[0], 64, true);
      const std::string said = tests::oracle({"dequantised", path, name});
      QCOMPARE(said, Sha256().update(std::as_bytes(std::span<const float>(values))).hex() + "\n");
    }
  }

  void writtenGgufIsReadByReference() {
    QTemporaryDir dir;
    const fs::path path = fs::path(dir.path().toStdString()) / "x.gguf";
    GgufWriter w;
    w.text("general.architecture", "llama");
    w.u32("llama.block_count", 7);
    w.f32("llama.rope.freq_base", 10000.0F);
    w.boolean("tokenizer.ggml.add_bos_token", true);
    w.i32s("x.ids", {1, -2, 3});
    const auto fill = [](std::span<std::byte> out) {
      std::fill(out.begin(), out.end(), std::byte{0});
      return Status{};
    };
    w.tensor("norm", {48}, GgmlType::f32, fill);
    w.tensor("weight", {3, 64}, GgmlType::q4_0, fill);
    QVERIFY(w.write(path).ok());
    QCOMPARE(fs::file_size(path), w.fileSize());
    const auto header = readGgufHeader(**InputFile::open(path));
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QCOMPARE(header->tensor("weight")->dims, (std::vector<std::int64_t>{64, 3}));
    GgufWriter bad;
    bad.tensor("odd", {3, 33}, GgmlType::q4_0, fill);
    QCOMPARE(bad.write(path).error().code, std::string("models.gguf.row"));
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    const std::string said = tests::oracle({"gguf", path.string()});
    const auto json = parseJson(said, "oracle");
    QVERIFY2(json.ok(), said.c_str());
    QCOMPARE((*json)["fields"]["llama.block_count"], Json(7));
    QCOMPARE((*json)["fields"]["tokenizer.ggml.add_bos_token"], Json(true));
    QCOMPARE((*json)["tensors"]["weight"][0], Json("Q4_0"));
  }

  void adapterRoundTripAndReference() {
    QTemporaryDir dir;
    const fs::path base = fs::path(dir.path().toStdString()) / "base", folder = fs::path(dir.path().toStdString()) / "adapter";
    QVERIFY(fixtures::writeSmallModel(base, fixtures::smallConfig(), 1, "F32").ok());
    Adapter adapter;
    adapter.baseModel = base.string();
    adapter.rank = 2;
    adapter.alpha = 4;
    Random random(5);
    for (int layer = 0; layer < 2; ++layer) {
      AdapterPair pair{"model.layers." + std::to_string(layer) + ".self_attn.q_proj", 2, 64, 64, std::vector<float>(128), std::vector<float>(128)};
      for (auto* values : {&pair.a, &pair.b})
        for (auto& value : *values) value = static_cast<float>(random.normal());
      adapter.pairs.push_back(pair);
    }
    QVERIFY(writeAdapter(folder, adapter).ok());
    const auto back = readAdapter(folder);
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QCOMPARE(back->pairs.size(), std::size_t{2});
    QCOMPARE(back->pairs[1].b, adapter.pairs[1].b);
    QCOMPARE(back->scale(), 2.0);
    QVERIFY(checkAdapterFits(*back, fixtures::smallConfig(), "x").ok());
    auto narrow = fixtures::smallConfig();
    narrow.hidden = 32;
    QCOMPARE(checkAdapterFits(*back, narrow, "x").error().code, std::string("models.adapter.shape"));
    Json config = readJsonFile(folder / "adapter_config.json").value();
    for (const char* key : {"use_dora", "fan_in_fan_out"}) {
      Json changed = config;
      changed[key] = true;
      QVERIFY(writeJsonFile(folder / "adapter_config.json", changed).ok());
      QCOMPARE(readAdapter(folder).error().code, std::string("models.adapter.unsupported"));
    }
    Json other = config;
    other["r"] = 4;
    QVERIFY(writeJsonFile(folder / "adapter_config.json", other).ok());
    QCOMPARE(readAdapter(folder).error().code, std::string("models.adapter.rank"));
    QVERIFY(writeJsonFile(folder / "adapter_config.json", config).ok());
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    const std::string said = tests::oracle({"peft", base.string(), folder.string()});
    const auto numbers = parseJson(said, "oracle");
    QVERIFY2(numbers.ok(), said.c_str());
    const auto model = openModel(base);
    std::vector<float> q(64 * 64);
    QVERIFY((*model)->readF32(TensorInfo{"model.layers.0.self_attn.q_proj.weight", DType::f32, "F32", {64, 64}, 64 * 64 * 4}, q).ok());
    const auto& pair = adapter.pairs[0];
    const auto merged = [&](std::size_t row, std::size_t column) {
      return q[row * 64 + column] + 2 * (pair.b[row * 2] * pair.a[column] + pair.b[row * 2 + 1] * pair.a[64 + column]);
    };
    QVERIFY(std::abs((*numbers)[0].get<float>() - merged(0, 0)) < 1e-5F);
    QVERIFY(std::abs((*numbers)[1].get<float>() - merged(3, 5)) < 1e-5F);
  }

  void libraryNamesModels() {
    QTemporaryDir dir;
    const fs::path root = dir.path().toStdString();
    qputenv("RETORT_DATA_HOME", (root / "home").string().c_str());
    QVERIFY(fixtures::writeSmallModel(root / "some" / "mymodel").ok());
    QVERIFY(fixtures::writeSmallModel(root / "ws" / "runs" / "20260301-120000-ab12" / "student").ok());
    QVERIFY(writeJsonFile(root / "ws" / "runs" / "20260301-120000-ab12" / "spec.json", {{"name", "first"}}).ok());
    const Library library(root / "ws");
    const auto added = library.add(root / "some" / "mymodel", "small");
    QVERIFY2(added.ok(), added.ok() ? "" : added.error().text().c_str());
    QCOMPARE(library.resolve("small").value(), fs::weakly_canonical(root / "some" / "mymodel"));
    QCOMPARE(library.resolve((root / "some" / "mymodel").string()).value(), root / "some" / "mymodel");
    QCOMPARE(library.resolve("first").value(), root / "ws" / "runs" / "20260301-120000-ab12" / "student");
    QCOMPARE(library.resolve("20260301-12").value(), root / "ws" / "runs" / "20260301-120000-ab12" / "student");
    QCOMPARE(library.list().front().parameters, fixtures::smallConfig().parameters());
    QCOMPARE(library.resolve("smal").error().code, std::string("models.library.unknown"));
    QVERIFY(library.resolve("smal").error().next.find("small") != std::string::npos);
    fs::remove_all(root / "some");
    QCOMPARE(library.resolve("small").error().code, std::string("models.library.gone"));
    QCOMPARE(libraryName("a/SmolLM2-135M-Instruct.Q4_1.gguf"), std::string("SmolLM2-135M-Instruct"));
    QCOMPARE(libraryName("student-Q4_K_M.gguf"), std::string("student"));
    qunsetenv("RETORT_DATA_HOME");
  }
};

QTEST_GUILESS_MAIN(TstModels)
#include "tst_models.moc"
