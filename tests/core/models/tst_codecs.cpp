// Codecs: half floats exactly, blocks against the reference implementation, errors within what the type promises.
#include <QtTest>
#include <bit>
#include <cmath>
#include <fstream>

#include "base/random.h"
#include "models/codecs.h"
#include "models/half.h"
#include "test_files.h"

using namespace retort;
using namespace retort::models;

namespace {

std::vector<float> sampleValues(std::size_t count) {
  Random random(7, "codecs");
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double scale = std::pow(10.0, static_cast<double>(i / 256 % 7) - 4);
    values[i] = static_cast<float>(random.normal() * scale);
  }
  for (std::size_t i = 0; i < 256; ++i) values[i] = 0;                                                  // all zero
  for (std::size_t i = 256; i < 512; ++i) values[i] = 0.25F;                                            // constant
  for (std::size_t i = 512; i < 768; ++i) values[i] = static_cast<float>(static_cast<int>(i % 16) - 8);  // ties
  return values;
}

std::vector<std::byte> encoded(GgmlType type, const std::vector<float>& values) {
  std::vector<std::byte> out(values.size() / ggmlTraits(type).elements * ggmlTraits(type).bytes);
  return quantise(type, values, out).ok() ? out : std::vector<std::byte>();
}

template <typename T>
std::vector<T> readAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string raw{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<T> out(raw.size() / sizeof(T));
  std::memcpy(out.data(), raw.data(), out.size() * sizeof(T));
  return out;
}

template <typename T>
void writeAll(const std::filesystem::path& path, const std::vector<T>& data) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
}

constexpr GgmlType kDecoded[] = {GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1, GgmlType::q8_0, GgmlType::q2_k,
                                 GgmlType::q3_k, GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k, GgmlType::f16, GgmlType::bf16};

}  // namespace

class TstCodecs : public QObject {
  Q_OBJECT
 private slots:
  void everyHalfRoundTrips() {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      const float value = floatFromF16(half);
      if (std::isnan(value)) QVERIFY(std::isnan(floatFromF16(f16FromFloat(value))));
      else QCOMPARE(f16FromFloat(value), half);
      const float wide = floatFromBf16(half);
      if (!std::isnan(wide)) QCOMPARE(bf16FromFloat(wide), half);
    }
  }

  void halvesRoundToNearestEven() {
    QCOMPARE(f16FromFloat(1.0F + 0x1p-11F), f16FromFloat(1.0F));              // tie: even below
    QCOMPARE(f16FromFloat(1.0F + 3 * 0x1p-11F), f16FromFloat(1.0F + 0x1p-9F));  // tie: even above
    QCOMPARE(f16FromFloat(65519.0F), std::uint16_t{0x7bff});
    QCOMPARE(f16FromFloat(65520.0F), std::uint16_t{0x7c00});
    QCOMPARE(f16FromFloat(0x1p-25F), std::uint16_t{0});
    QCOMPARE(f16FromFloat(0x1.8p-25F), std::uint16_t{1});
    QCOMPARE(bf16FromFloat(std::bit_cast<float>(0x3f808000u)), std::uint16_t{0x3f80});
    QCOMPARE(bf16FromFloat(std::bit_cast<float>(0x3f818000u)), std::uint16_t{0x3f82});
  }

  void handCheckedBlock() {
    // Q4_0 of -8 … 7 twice: the extreme is -8, so d = 1 and every value is exact.
    std::vector<float> values(32);
    for (std::size_t i = 0; i < 32; ++i) values[i] = static_cast<float>(static_cast<int>(i % 16) - 8);
    const auto block = encoded(GgmlType::q4_0, values);
    QCOMPARE(block.size(), std::size_t{18});
    QCOMPARE(block[0], std::byte{0x00});
    QCOMPARE(block[1], std::byte{0x3c});
    QCOMPARE(block[2], std::byte{0x00});
    QCOMPARE(block[17], std::byte{0xff});
    std::vector<float> back(32);
    QVERIFY(dequantise(GgmlType::q4_0, block, back).ok());
    QCOMPARE(back, values);
  }

  void errorsStaySmall_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<double>("relative");   // RMSE over the values' RMS, of normal values
    QTest::newRow("Q8_0") << static_cast<int>(GgmlType::q8_0) << 0.008;
    QTest::newRow("Q6_K") << static_cast<int>(GgmlType::q6_k) << 0.025;
    QTest::newRow("Q5_1") << static_cast<int>(GgmlType::q5_1) << 0.045;
    QTest::newRow("Q5_0") << static_cast<int>(GgmlType::q5_0) << 0.05;
    QTest::newRow("Q5_K") << static_cast<int>(GgmlType::q5_k) << 0.04;
    QTest::newRow("Q3_K") << static_cast<int>(GgmlType::q3_k) << 0.17;
    QTest::newRow("Q2_K") << static_cast<int>(GgmlType::q2_k) << 0.32;
    QTest::newRow("Q4_K") << static_cast<int>(GgmlType::q4_k) << 0.08;
    QTest::newRow("Q4_1") << static_cast<int>(GgmlType::q4_1) << 0.09;
    QTest::newRow("Q4_0") << static_cast<int>(GgmlType::q4_0) << 0.10;
  }
  void errorsStaySmall() {
    QFETCH(int, type);
    QFETCH(double, relative);
    Random random(3);
    std::vector<float> values(256 * 64), back(values.size());
    for (auto& value : values) value = static_cast<float>(random.normal());
    QVERIFY(dequantise(static_cast<GgmlType>(type), encoded(static_cast<GgmlType>(type), values), back).ok());
    double error = 0, total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) error += std::pow(static_cast<double>(values[i] - back[i]), 2), total += std::pow(static_cast<double>(values[i]), 2);
    QVERIFY2(std::sqrt(error / total) < relative, qPrintable(QString::number(std::sqrt(error / total))));
    QVERIFY2(std::sqrt(error / total) > relative / 3, "the bound is not sharp");
  }

  void wrongSizesAreErrors() {
    std::vector<float> out(31);
    std::vector<std::byte> raw(18);
    QCOMPARE(dequantise(GgmlType::q4_0, raw, out).error().code, std::string("models.codec.size"));
    QCOMPARE(quantise(GgmlType::q4_0, out, raw).error().code, std::string("models.codec.size"));
    std::vector<float> row(512);
    std::vector<std::byte> blocks(168);
    QVERIFY(quantise(GgmlType::q2_k, row, blocks, std::vector<float>(256, 1)).ok());
    QCOMPARE(quantise(GgmlType::q2_k, row, blocks, std::vector<float>(200, 1)).error().code, std::string("models.codec.importance"));
  }

  void equalsReference() {
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    const auto values = sampleValues(256 * 70);
    writeAll(folder / "values.f32", values);
    Random random(11, "blocks");
    for (const auto type : kDecoded) {
      const GgmlTraits& traits = ggmlTraits(type);
      std::vector<std::uint8_t> blocks(std::size_t{traits.bytes} * 64 * (traits.elements == 1 ? 64 : 1));
      for (auto& byte : blocks) byte = static_cast<std::uint8_t>(random.below(256));
      if (traits.elements == 1) {   // no NaN or infinity: they compare unequal
        for (std::size_t i = 1; i < blocks.size(); i += 2) blocks[i] = static_cast<std::uint8_t>(blocks[i] & 0xbb);
      } else {                      // plausible scales: finite halves
        for (std::size_t b = 0; b < blocks.size(); b += traits.bytes)
          for (std::uint32_t at = 0; at + 1 < traits.bytes; ++at) {
            const bool scale = (traits.elements == 32 && (at == 0 || (at == 2 && (type == GgmlType::q4_1 || type == GgmlType::q5_1)))) ||
                               (type == GgmlType::q2_k && (at == 80 || at == 82)) || (type == GgmlType::q3_k && at == 108) ||
                               ((type == GgmlType::q4_k || type == GgmlType::q5_k) && (at == 0 || at == 2)) || (type == GgmlType::q6_k && at == 208);
            if (scale) blocks[b + at + 1] = static_cast<std::uint8_t>(blocks[b + at + 1] & 0xbb);
          }
      }
      writeAll(folder / (std::string(traits.name) + ".blocks"), blocks);
    }
    const std::string said = tests::oracle({"codecs", folder.string()});
    QVERIFY2(!said.starts_with("FAILED"), said.c_str());
    for (const auto type : {GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1, GgmlType::f16, GgmlType::bf16}) {
      const auto theirs = readAll<std::byte>(folder / (std::string(ggmlTraits(type).name) + ".bin"));
      QVERIFY2(encoded(type, values) == theirs, ggmlTraits(type).name.data());
    }
    for (const auto type : kDecoded) {
      const std::string name(ggmlTraits(type).name);
      const auto blocks = readAll<std::byte>(folder / (name + ".blocks"));
      const auto theirs = readAll<float>(folder / (name + ".f32"));
      std::vector<float> ours(blocks.size() / ggmlTraits(type).bytes * ggmlTraits(type).elements);
      QVERIFY(dequantise(type, blocks, ours).ok());
      QCOMPARE(ours.size(), theirs.size());
      for (std::size_t i = 0; i < ours.size(); ++i)
        QVERIFY2(ours[i] == theirs[i], qPrintable(QString::fromStdString(name) + QString(" value %1: %2, not %3").arg(i).arg(ours[i]).arg(theirs[i])));
    }
  }

  /// The searched types err at most 2 % more than llama.cpp's own encoder, plain and by importance.
  void errsLikeReference() {
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    Random random(5, "weights");
    std::vector<float> values(512 * 256), importance(512), columns(512);
    for (auto& value : importance) value = static_cast<float>(std::exp(random.normal()));
    for (auto& value : columns) value = static_cast<float>(std::exp(0.3 * random.normal()));
    for (std::size_t i = 0; i < values.size(); ++i) {   // rows of different spread, a few outliers: like trained weights
      const double tail = random.below(200) == 0 ? 4 : 1;
      values[i] = static_cast<float>(random.normal() * 0.02 * tail * (1 + static_cast<double>(i / 512 % 5)) * static_cast<double>(columns[i % 512]));
    }
    writeAll(folder / "values.f32", values);
    writeAll(folder / "importance.f32", importance);
    const std::string said = tests::oracle({"kquants", folder.string()});
    QVERIFY2(!said.starts_with("FAILED"), said.c_str());
    std::string worse;
    for (const auto type : {GgmlType::q2_k, GgmlType::q3_k, GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1}) {
      const std::string name(ggmlTraits(type).name);
      double theirs[4] = {};
      std::ifstream in(folder / (name + ".rmse"));
      for (double& value : theirs) in >> value;
      for (const bool weighted : {false, true}) {
        std::vector<std::byte> blocks(values.size() / ggmlTraits(type).elements * ggmlTraits(type).bytes);
        QVERIFY(quantise(type, values, blocks, weighted ? std::span<const float>(importance) : std::span<const float>()).ok());
        std::vector<float> back(values.size());
        QVERIFY(dequantise(type, blocks, back).ok());
        double error = 0;
        for (std::size_t i = 0; i < values.size(); ++i) error += std::pow(static_cast<double>(values[i] - back[i]), 2) * (weighted ? static_cast<double>(importance[i % 512]) : 1);
        const double ratio = std::sqrt(error / static_cast<double>(values.size())) / theirs[weighted ? 3 : 0];
        qInfo("%s%s: %.4f of the reference's error", name.c_str(), weighted ? " with importance" : "", ratio);
        if (ratio >= 1.02) worse += " " + name + (weighted ? " with importance" : "");
      }
    }
    QVERIFY2(worse.empty(), worse.c_str());
  }
};

QTEST_APPLESS_MAIN(TstCodecs)
#include "tst_codecs.moc"
