// Sampling rules, random numbers that do not depend on the batch, and text that grows by whole characters.
#include <cmath>

#include "engine/sampler.h"
#include "engine/text_stream.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;

namespace {

/// One token a byte.
class ByteTokenizer : public text::Tokenizer {
 public:
  Result<std::vector<text::TokenId>> encode(std::string_view text, text::EncodeOptions) const override {
    std::vector<text::TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  Result<std::vector<text::TokenId>> encodePieces(std::span<const text::Piece> pieces, std::vector<std::size_t>*) const override {
    std::string all;
    for (const auto& piece : pieces) all += piece.text;
    return encode(all, {});
  }
  std::string decode(std::span<const text::TokenId> ids, bool) const override {
    std::string out;
    for (const auto id : ids) out += static_cast<char>(id);
    return out;
  }
  std::string tokenBytes(text::TokenId id) const override { return std::string(1, static_cast<char>(id)); }
  std::string_view tokenText(text::TokenId) const override { return ""; }
  std::size_t size() const override { return 256; }
  bool isSpecial(text::TokenId) const override { return false; }
  text::TokenId idOf(std::string_view) const override { return -1; }
};

text::TokenId draw(std::vector<float> logits, const SamplerOptions& options, std::uint64_t step, std::vector<text::TokenId> seen = {}) {
  return sampleToken(logits, options, seen, 3, step);
}

std::string streamed(const std::string& bytes, std::vector<std::string> stops, std::vector<std::string>* pieces = nullptr) {
  const ByteTokenizer tokenizer;
  TextStream stream(&tokenizer, std::move(stops));
  std::string out;
  for (const char c : bytes) {
    if (stream.stopped()) break;
    const std::string piece = stream.add(static_cast<unsigned char>(c));
    if (pieces && !piece.empty()) pieces->push_back(piece);
    out += piece;
  }
  return out + stream.finish();
}

}  // namespace

class TestSampler : public QObject {
  Q_OBJECT
 private slots:
  void greedyTakesTheFirstBest() { QCOMPARE(draw({0, 3, 3, 1}, {}, 0), 1); }
  void penaltyComesFirst() {
    SamplerOptions options;
    options.repetitionPenalty = 2;
    QCOMPARE(draw({0, 3, 2, 1}, options, 0, {1, 1}), 2);         // 3 / 2 < 2
    QCOMPARE(draw({-4, -1, -1.5f, -4}, options, 0, {1}), 2);     // -1 * 2 < -1.5
  }
  void topKAndMinPNarrowTheChoice() {
    SamplerOptions options;
    options.temperature = 1;
    options.topK = 2;
    for (std::uint64_t step = 0; step < 200; ++step) QVERIFY(draw({1, 1.1f, 1.2f, 1.3f}, options, step) >= 2);
    options.topK = 0;
    options.minP = 0.5;                                          // keeps what is at least half as likely as the best
    for (std::uint64_t step = 0; step < 200; ++step) QVERIFY(draw({0, 0, 4, 4.2f}, options, step) >= 2);
  }
  void topPKeepsTheSmallestSetThatReachesIt() {
    // Probabilities .5 .3 .2: 0.5 needs one token, 0.51 two.
    const std::vector<float> logits{std::log(0.2f), std::log(0.5f), std::log(0.3f)};
    SamplerOptions options;
    options.temperature = 1;
    options.topP = 0.499;
    for (std::uint64_t step = 0; step < 200; ++step) QCOMPARE(draw(logits, options, step), 1);
    options.topP = 0.51;
    bool second = false;
    for (std::uint64_t step = 0; step < 200; ++step) {
      const auto id = draw(logits, options, step);
      QVERIFY(id != 0);
      second |= id == 2;
    }
    QVERIFY(second);
  }
  void drawsFollowTheDistribution() {
    SamplerOptions options;
    options.temperature = 2;                                     // p proportional to exp(logit / 2): 1 : e
    int ones = 0;
    for (std::uint64_t step = 0; step < 20000; ++step) ones += draw({0, 2}, options, step);
    QVERIFY(std::abs(ones / 20000.0 - std::exp(1) / (1 + std::exp(1))) < 0.015);
  }
  void numbersDependOnTheirPlaceOnly() {
    QCOMPARE(uniformAt(1, 2, 3, 4), uniformAt(1, 2, 3, 4));
    QVERIFY(uniformAt(1, 2, 3, 4) != uniformAt(2, 2, 3, 4));
    QVERIFY(uniformAt(1, 2, 3, 4) != uniformAt(1, 3, 3, 4));
    QVERIFY(uniformAt(1, 2, 3, 4) != uniformAt(1, 2, 4, 4));
    QVERIFY(uniformAt(1, 2, 3, 4) != uniformAt(1, 3, 2, 4));
    double sum = 0;
    for (std::uint64_t i = 0; i < 100000; ++i) sum += uniformAt(7, 0, 0, i);
    QVERIFY(std::abs(sum / 100000 - 0.5) < 0.005);
  }
  void logProbabilities() {
    const std::vector<float> logits{0, 1, 2};
    const double total = std::log(1 + std::exp(1) + std::exp(2));
    QVERIFY(std::abs(logSumExp(logits) - total) < 1e-9);
    const auto top = topLogProbs(logits, 2);
    QCOMPARE(top.size(), 2u);
    QCOMPARE(top[0].first, 2);
    QVERIFY(std::abs(top[1].second - (1 - total)) < 1e-9);
  }
  void streamsWholeCharacters() {
    std::vector<std::string> pieces;
    QCOMPARE(streamed("a\xC3\xA4\xE2\x82\xACz", {}, &pieces), std::string("a\xC3\xA4\xE2\x82\xACz"));
    QCOMPARE(pieces.size(), 4u);
    QCOMPARE(pieces[2], std::string("\xE2\x82\xAC"));
    QVERIFY(streamed("a\xE2\x82", {}).starts_with("a\xEF\xBF\xBD"));     // cut inside a character
  }
  void stopsAndHoldsBack() {
    QCOMPARE(streamed("one END two", {"END"}), std::string("one "));
    QCOMPARE(streamed("one EN", {"END"}), std::string("one EN"));
    std::vector<std::string> pieces;
    streamed("xENxx", {"END"}, &pieces);
    for (const auto& piece : pieces) QVERIFY(piece != "E");              // an E alone might have become END
    QCOMPARE(streamed("aab", {"ab"}), std::string("a"));
  }

  void theRaceIsThePlainOne() {              // what is left out could not have won
    for (std::uint64_t step = 0; step < 300; ++step) {
      std::vector<float> logits;
      for (std::uint64_t i = 0; i < 5000; ++i) logits.push_back(static_cast<float>(12 * uniformAt(9, 1, step, i) - (i % 7 == 0 ? 0 : 6)));
      text::TokenId winner = -1;
      double best = -1e300;
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double score = static_cast<double>(logits[i]) - std::log(-std::log(uniformAt(3, 5, step, i)));
        if (score > best) best = score, winner = static_cast<text::TokenId>(i);
      }
      SamplerOptions options;
      options.temperature = 1;
      options.seed = 3;
      QCOMPARE(sampleToken(logits, options, {}, 5, step), winner);
    }
  }
};

QTEST_APPLESS_MAIN(TestSampler)
#include "tst_sampler.moc"
