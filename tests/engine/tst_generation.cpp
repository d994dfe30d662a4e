// Batched generation on small random models: the same as one at a time, whatever the company, the seed or the batch.
#include "engine/autograd.h"
#include "engine/generator.h"
#include "engine/kv_cache.h"
#include "engine/profiler.h"
#include "engine/scorer.h"
#include "engine/self_test.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;
using Ids = std::vector<text::TokenId>;

namespace {

Decoder tiny(const std::string& family = "llama") {
  test::cpu();
  return randomDecoder(tinyConfig(family), at::kFloat, at::kCPU, 11, 0.5);
}

/// Prompts of many lengths, all beginning alike.
std::vector<Ids> prompts(std::size_t count, bool sharedStart) {
  std::vector<Ids> out;
  for (std::size_t i = 0; i < count; ++i) {
    Ids ids;
    if (sharedStart)
      for (int j = 0; j < 12; ++j) ids.push_back(20 + j);
    for (std::size_t j = 0; j <= i % 9; ++j) ids.push_back(static_cast<text::TokenId>((i * 31 + j * 17 + 3) % 97));
    out.push_back(ids);
  }
  return out;
}

/// Greedy answer by full passes without any cache.
Ids byFullPasses(const Decoder& decoder, Ids ids, int count) {
  Ids answer;
  for (int i = 0; i < count; ++i) {
    const c10::NoGradGuard noGrad;
    const std::vector<std::int64_t> wide(ids.begin(), ids.end());
    const at::Tensor hidden = forwardHidden(decoder, at::tensor(wide, at::kLong).view({1, -1}));
    const auto next = static_cast<text::TokenId>(at::argmax(logitsOf(decoder, hidden.select(1, -1)), -1).item<std::int64_t>());
    answer.push_back(next);
    ids.push_back(next);
  }
  return answer;
}

}  // namespace

class TestGeneration : public QObject {
  Q_OBJECT
 private slots:
  void batchedEqualsFullPasses_data() {
    QTest::addColumn<QString>("family");
    for (const char* family : {"llama", "qwen2", "qwen3", "smollm3"}) QTest::newRow(family) << family;
  }
  void batchedEqualsFullPasses() {
    QFETCH(QString, family);
    const Decoder decoder = tiny(family.toStdString());
    for (const bool shared : {false, true}) {
      const auto all = prompts(13, shared);
      GenerationOptions options;
      options.maxTokens = 9;
      options.batch = 5;
      const auto out = generate(decoder, nullptr, all, options);
      RETORT_VERIFY(out);
      for (std::size_t i = 0; i < all.size(); ++i) {
        QCOMPARE((*out)[i].ids, byFullPasses(decoder, all[i], 9));
        QCOMPARE((*out)[i].finish, std::string("length"));
        QCOMPARE((*out)[i].promptTokens, all[i].size());
      }
    }
  }
  void slidingWindowWithCache() {
    auto config = tinyConfig();
    config.slidingWindow = 5;
    const Decoder decoder = randomDecoder(config, at::kFloat, at::kCPU, 12, 0.5);
    const auto all = prompts(7, true);
    GenerationOptions options;
    options.maxTokens = 8;
    const auto out = generate(decoder, nullptr, all, options);
    RETORT_VERIFY(out);
    for (std::size_t i = 0; i < all.size(); ++i) QCOMPARE((*out)[i].ids, byFullPasses(decoder, all[i], 8));
  }
  void samplesDoNotDependOnTheBatch() {
    const Decoder decoder = tiny();
    const auto all = prompts(9, false);
    GenerationOptions options;
    options.maxTokens = 10;
    options.sampler.temperature = 1;
    options.sampler.topP = 0.9;
    options.batch = 9;
    const auto together = generate(decoder, nullptr, all, options);
    options.batch = 2;
    const auto pairs = generate(decoder, nullptr, all, options);
    options.sampler.seed = 2;
    const auto other = generate(decoder, nullptr, all, options);
    RETORT_VERIFY(together);
    RETORT_VERIFY(pairs);
    RETORT_VERIFY(other);
    int differing = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      QCOMPARE((*together)[i].ids, (*pairs)[i].ids);
      differing += (*together)[i].ids != (*other)[i].ids;
    }
    QVERIFY(differing > 4);
  }
  void stopsAtStopIdsAndGoesOnForOthers() {
    const Decoder decoder = tiny();
    const auto all = prompts(8, false);
    const auto first = byFullPasses(decoder, all[2], 4);
    GenerationOptions options;
    options.maxTokens = 12;
    options.stopIds = {first[3]};
    const auto out = generate(decoder, nullptr, all, options);
    RETORT_VERIFY(out);
    QCOMPARE((*out)[2].finish, std::string("stop"));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto whole = byFullPasses(decoder, all[i], 12);
      const auto stop = std::find(whole.begin(), whole.end(), first[3]);
      QCOMPARE((*out)[i].ids, Ids(whole.begin(), stop == whole.end() ? stop : stop + 1));
    }
  }
  void logProbsAgreeWithScore() {
    const Decoder decoder = tiny();
    const auto all = prompts(6, false);
    GenerationOptions options;
    options.maxTokens = 5;
    options.logProbs = true;
    options.topLogProbs = 3;
    const auto out = generate(decoder, nullptr, all, options);
    RETORT_VERIFY(out);
    std::vector<ScoreItem> items;
    for (std::size_t i = 0; i < all.size(); ++i) {
      ScoreItem item;
      item.ids = all[i];
      item.ids.insert(item.ids.end(), (*out)[i].ids.begin(), (*out)[i].ids.end());
      item.scored.assign(item.ids.size(), 0);
      for (std::size_t j = all[i].size(); j < item.ids.size(); ++j) item.scored[j] = 1;
      items.push_back(item);
    }
    const auto scored = score(decoder, items, 3);
    RETORT_VERIFY(scored);
    for (std::size_t i = 0; i < all.size(); ++i) {
      QCOMPARE((*scored)[i].ids, (*out)[i].ids);
      for (std::size_t j = 0; j < 5; ++j) {
        QVERIFY(std::abs((*scored)[i].logProbs[j] - (*out)[i].logProbs[j]) < 1e-4);
        QCOMPARE((*scored)[i].top[j][0].first, (*out)[i].ids[j]);
        QCOMPARE((*out)[i].top[j][0].first, (*out)[i].ids[j]);
        QVERIFY(std::abs((*scored)[i].top[j][2].second - (*out)[i].top[j][2].second) < 1e-4);
      }
    }
  }
  void cancelAndErrors() {
    const Decoder decoder = tiny();
    GenerationOptions options;
    options.maxTokens = 1000;
    GenerationHooks hooks;
    int asked = 0;
    hooks.cancelled = [&] { return ++asked > 5; };
    const auto stopped = generate(decoder, nullptr, prompts(3, false), options, hooks);
    QVERIFY(!stopped.ok());
    QVERIFY(isCancelled(stopped.error()));
    QCOMPARE(generate(decoder, nullptr, {{}}, options).error().code, std::string("engine.prompt.empty"));
    QCOMPARE(generate(decoder, nullptr, {Ids(256, 1)}, options).error().code, std::string("engine.prompt.long"));
    QCOMPARE(generate(decoder, nullptr, {{97}}, options).error().code, std::string("engine.prompt.id"));
    const auto filled = generate(decoder, nullptr, {Ids(250, 1)}, options);       // the context ends the answer
    RETORT_VERIFY(filled);
    QCOMPARE((*filled)[0].ids.size(), 6u);
  }
  void packedEqualsSeparate() {
    const Decoder decoder = tiny();
    const c10::NoGradGuard noGrad;
    const at::Tensor ids = (at::arange(17, at::kLong) * 13 + 5).remainder(97).view({1, 17});
    ForwardOptions packed;
    packed.documentLengths = {6, 8, 3};
    const at::Tensor all = forwardHidden(decoder, ids, packed);
    std::int64_t start = 0;
    for (const auto length : packed.documentLengths) {
      QVERIFY(deviation(all.narrow(1, start, length), forwardHidden(decoder, ids.narrow(1, start, length))) < 1e-5);
      start += length;
    }
    QVERIFY(deviation(all, forwardHidden(decoder, ids)) > 1e-3);
  }
  void unfusedGivesEveryWeightOnce() {
    const Decoder decoder = tiny("qwen2");
    std::int64_t numbers = 0;
    std::set<std::string> names;
    for (const auto& tensor : unfused(decoder, at::kFloat)) {
      numbers += tensor.tensor.numel();
      names.insert(tensor.name);
    }
    QCOMPARE(numbers, decoder.config.parameters());
    QVERIFY(names.contains("model.layers.2.self_attn.k_proj.bias"));
    QVERIFY(names.contains("model.layers.0.mlp.up_proj.weight"));
    QVERIFY(!names.contains("lm_head.weight"));
  }
  void profileCountsWhatItMeasures() {
    const Decoder decoder = tiny();
    ProfileOptions options;
    options.maxTokens = 4;
    const auto result = profile(decoder, test::cpu(), nullptr, prompts(20, false), options);
    RETORT_VERIFY(result);
    QCOMPARE(result->rows, 20u);
    QCOMPARE(result->outputTokens, 80u);
    QVERIFY(result->firstTokenMs.p50 > 0 && result->firstTokenMs.p50 <= result->requestMs.p50);
    QVERIFY(result->requestMs.p50 <= result->requestMs.p95);
    QVERIFY(result->definition.find("fewer than the 64") != std::string::npos);
    QCOMPARE(percentile({4, 1, 3, 2}, 0.5), 2.5);
    QCOMPARE(percentile({4, 1, 3, 2}, 1), 4.0);
  }
};

QTEST_APPLESS_MAIN(TestGeneration)
#include "tst_generation.moc"
