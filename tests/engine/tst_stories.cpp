// stories260K, a real trained model in llama2.c's layout: read here, turned to half-split order, and its golden text.
#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/generator.h"
#include "engine/scorer.h"
#include "models/model_source.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;

namespace {

constexpr std::string_view kGolden =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play "
    "with it, but it was too high.";

std::string bytesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

/// The checkpoint as a model source, its interleaved rotary pairs (2i, 2i + 1) moved to (i, i + D/2).
class Stories : public models::ModelSource {
 public:
  explicit Stories(const std::string& bytes) {
    std::int32_t header[7];
    std::memcpy(header, bytes.data(), sizeof header);
    m_config.family = "llama";
    m_config.hidden = header[0];
    m_config.ffn = header[1];
    m_config.layers = header[2];
    m_config.heads = header[3];
    m_config.kvHeads = header[4];
    m_config.vocab = header[5];
    m_config.context = header[6];
    m_config.headDim = m_config.hidden / m_config.heads;
    m_config.eosIds = {2};
    m_at = reinterpret_cast<const char*>(bytes.data()) + sizeof header;
    const auto& c = m_config;
    const std::int64_t kv = c.kvHeads * c.headDim;
    take("model.embed_tokens.weight", {c.vocab, c.hidden});
    const auto layers = [&](const char* name, std::vector<std::int64_t> shape, std::int64_t rotaryHeads = 0) {
      for (std::int64_t i = 0; i < c.layers; ++i) take("model.layers." + std::to_string(i) + "." + name + ".weight", shape, rotaryHeads);
    };
    layers("input_layernorm", {c.hidden});
    layers("self_attn.q_proj", {c.hidden, c.hidden}, c.heads);
    layers("self_attn.k_proj", {kv, c.hidden}, c.kvHeads);
    layers("self_attn.v_proj", {kv, c.hidden});
    layers("self_attn.o_proj", {c.hidden, c.hidden});
    layers("post_attention_layernorm", {c.hidden});
    layers("mlp.gate_proj", {c.ffn, c.hidden});
    layers("mlp.down_proj", {c.hidden, c.ffn});
    layers("mlp.up_proj", {c.ffn, c.hidden});
    take("model.norm.weight", {c.hidden});
  }
  const models::DecoderConfig& config() const override { return m_config; }
  std::string name() const override { return "stories260K"; }
  std::string format() const override { return "hf"; }
  std::string licence() const override { return "mit"; }
  std::string chatTemplate() const override { return {}; }
  Result<models::TokenizerFiles> tokenizerFiles() const override { return models::TokenizerFiles{}; }
  const std::vector<models::TensorInfo>& tensors() const override { return m_infos; }
  std::uint64_t weightBytes() const override { return 0; }
  std::vector<fs::path> weightFiles() const override { return {}; }
  Status readF32(const models::TensorInfo& tensor, std::span<float> out) const override {
    std::copy(m_values.at(tensor.name).begin(), m_values.at(tensor.name).end(), out.begin());
    return {};
  }
  Status readRaw(const models::TensorInfo& tensor, std::span<std::byte> out) const override {
    std::memcpy(out.data(), m_values.at(tensor.name).data(), out.size());
    return {};
  }

 private:
  void take(const std::string& name, const std::vector<std::int64_t>& shape, std::int64_t rotaryHeads = 0) {
    std::size_t count = 1;
    for (const auto n : shape) count *= static_cast<std::size_t>(n);
    std::vector<float> values(count);
    std::memcpy(values.data(), m_at, count * 4);
    m_at += count * 4;
    if (rotaryHeads > 0) {
      const auto rows = static_cast<std::size_t>(shape[0]), columns = static_cast<std::size_t>(shape[1]), dim = rows / static_cast<std::size_t>(rotaryHeads);
      const std::vector<float> before = values;
      for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t head = row / dim, i = row % dim, from = head * dim + (i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1);
        std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(from * columns), columns, values.begin() + static_cast<std::ptrdiff_t>(row * columns));
      }
    }
    m_infos.push_back({name, models::DType::f32, "F32", shape, count * 4});
    m_values[name] = std::move(values);
  }
  models::DecoderConfig m_config;
  const char* m_at = nullptr;
  std::vector<models::TensorInfo> m_infos;
  std::map<std::string, std::vector<float>> m_values;
};

/// The vocabulary's pieces: int32 longest, then (f32 score, int32 length, bytes) each.
std::vector<std::string> piecesOf(const std::string& bytes) {
  std::vector<std::string> out;
  for (std::size_t at = 4; at + 8 <= bytes.size();) {
    std::int32_t length = 0;
    std::memcpy(&length, bytes.data() + at + 4, 4);
    out.push_back(bytes.substr(at + 8, static_cast<std::size_t>(length)));
    at += 8 + static_cast<std::size_t>(length);
  }
  return out;
}

}  // namespace

class TestStories : public QObject {
  Q_OBJECT
 private slots:
  void goldenText() {
    const fs::path folder = test::dataFolder() / "stories260k";
    if (!fs::exists(folder / "stories260K.bin")) QSKIP(("No " + folder.string() + "; set RETORT_TEST_DATA").c_str());
    const Stories source(bytesOf(folder / "stories260K.bin"));
    QCOMPARE(source.config().parameters(), 260'032);
    const auto pieces = piecesOf(bytesOf(folder / "tok512.bin"));
    QCOMPARE(pieces.size(), 512u);
    const auto decoder = loadDecoder(source, at::kFloat, test::cpu().device);
    RETORT_VERIFY(decoder);
    GenerationOptions options;
    options.maxTokens = 110;
    const auto out = generate(*decoder, nullptr, {{1}}, options);
    RETORT_VERIFY(out);
    const auto& ids = out->front().ids;
    const std::vector<text::TokenId> first{403, 407, 261, 378, 432, 383, 286};
    QCOMPARE(std::vector<text::TokenId>(ids.begin(), ids.begin() + 7), first);
    std::string text;
    for (const auto id : ids) text += pieces[static_cast<std::size_t>(id)];
    text.erase(0, text.find_first_not_of(' '));
    QVERIFY2(text.starts_with(kGolden), text.c_str());
  }
  void missingAndMisshapenTensorsAreNamed() {
    const fs::path folder = test::dataFolder() / "stories260k";
    if (!fs::exists(folder / "stories260K.bin")) QSKIP(("No " + folder.string() + "; set RETORT_TEST_DATA").c_str());
    class Broken : public Stories {
     public:
      Broken(const std::string& bytes, bool drop) : Stories(bytes), m_infos(Stories::tensors()) {
        if (drop) std::erase_if(m_infos, [](const auto& info) { return info.name == "model.layers.3.mlp.up_proj.weight"; });
        else m_infos.back().shape = {63};
      }
      const std::vector<models::TensorInfo>& tensors() const override { return m_infos; }

     private:
      std::vector<models::TensorInfo> m_infos;
    };
    const std::string bytes = bytesOf(folder / "stories260K.bin");
    const auto missing = loadDecoder(Broken(bytes, true), at::kFloat, test::cpu().device);
    QVERIFY(!missing.ok());
    QCOMPARE(missing.error().code, std::string("engine.tensor.missing"));
    QCOMPARE(missing.error().where, std::string("model.layers.3.mlp.up_proj.weight"));
    const auto misshapen = loadDecoder(Broken(bytes, false), at::kFloat, test::cpu().device);
    QVERIFY(!misshapen.ok());
    QCOMPARE(misshapen.error().code, std::string("engine.tensor.shape"));
  }
};

QTEST_APPLESS_MAIN(TestStories)
#include "tst_stories.moc"
