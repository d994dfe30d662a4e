// safetensors: everything that is not exactly as the format says is refused; what we write the reference reads, and back.
#include <QtTest>
#include <algorithm>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "models/safetensors.h"
#include "test_files.h"

using namespace retort;
using namespace retort::models;
using retort::tests::Bytes;

namespace {

/// The header is written with ' for ".
Bytes fileOf(std::string header, std::size_t dataBytes, bool padded = true) {
  std::replace(header.begin(), header.end(), '\'', '"');
  if (padded) header.append((8 - header.size() % 8) % 8, ' ');
  Bytes out;
  out.put<std::uint64_t>(header.size()).raw(header);
  out.data.append(dataBytes, '\2');
  return out;
}

const char* const kGood = "{'__metadata__':{'format':'pt'},'a':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]},'b':{'dtype':'BF16','shape':[3],'data_offsets':[16,22]}}";

}  // namespace

class TstSafetensors : public QObject {
  Q_OBJECT
 private slots:
  void readsGoodFile() {
    const auto file = fileOf(kGood, 22);
    const auto header = parseSafetensors(file.span(), file.data.size(), "good");
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QCOMPARE(header->tensors.size(), std::size_t{2});
    QCOMPARE(header->find("b")->begin, std::uint64_t{16});
    QCOMPARE(header->metadata.at(0).second, std::string("pt"));
  }

  void zeroSizeAndRankZeroAreLegal() {
    const auto file = fileOf("{'s':{'dtype':'I64','shape':[],'data_offsets':[0,8]},'z':{'dtype':'F32','shape':[0,4],'data_offsets':[8,8]}}", 8);
    const auto header = parseSafetensors(file.span(), file.data.size(), "x");
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
  }

  void refuses_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("code");
    const auto add = [](const char* name, const char* code, const Bytes& bytes) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes.data) << QString("models.safetensors.") + code;
    };
    const auto one = [](const char* entry, std::size_t bytes) { return fileOf(std::string("{\"a\":") + entry + "}", bytes); };
    Bytes huge, tooLong, tiny, zip;
    huge.put<std::uint64_t>(100'000'001).raw("{}");
    tooLong.put<std::uint64_t>(64).raw("{}");
    tiny.raw("abc");
    zip.raw("PK\3\4 and more");
    add("7 bytes", "cut", tiny);
    add("pickle in a zip", "pickle", zip);
    add("header over 100 MB", "header", huge);
    add("header past the end", "cut", tooLong);
    add("does not begin with {", "json", fileOf(" {}", 0));
    add("not UTF-8", "json", fileOf("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4));
    add("duplicate key", "json", fileOf("{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]},'a':{'dtype':'U8','shape':[1],'data_offsets':[1,2]}}", 2));
    add("text after the object", "json", fileOf("{}x", 0));
    add("newline padding", "json", fileOf("{}\n", 0));
    add("an array", "json", fileOf("[]", 0));
    add("metadata not texts", "metadata", fileOf("{'__metadata__':{'n':1}}", 0));
    add("unknown dtype", "dtype", one("{'dtype':'F23','shape':[1],'data_offsets':[0,4]}", 4));
    add("missing shape", "entry", one("{'dtype':'F32','data_offsets':[0,4]}", 4));
    add("member too many", "entry", one("{'dtype':'F32','shape':[1],'data_offsets':[0,4],'x':1}", 4));
    add("rank 9", "rank", one("{'dtype':'U8','shape':[1,1,1,1,1,1,1,1,1],'data_offsets':[0,1]}", 1));
    add("negative dimension", "number", one("{'dtype':'U8','shape':[-1],'data_offsets':[0,1]}", 1));
    add("fractional offset", "number", one("{'dtype':'U8','shape':[1],'data_offsets':[0,1.5]}", 1));
    add("product wraps", "overflow", one("{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,4]}", 4));
    add("ends before it begins", "offsets", one("{'dtype':'U8','shape':[1],'data_offsets':[1,0]}", 1));
    add("size differs from shape", "size", one("{'dtype':'F32','shape':[2],'data_offsets':[0,4]}", 4));
    add("half a byte", "size", one("{'dtype':'F4','shape':[3],'data_offsets':[0,1]}", 1));
    add("past the end", "extent", one("{'dtype':'F32','shape':[2],'data_offsets':[0,8]}", 4));
    add("gap at the start", "gap", one("{'dtype':'F32','shape':[1],'data_offsets':[4,8]}", 8));
    add("overlap", "overlap", fileOf("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}}", 12));
    add("gap between", "gap", fileOf("{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[8,12]}}", 12));
    add("trailing bytes", "trailing", fileOf(kGood, 23));
    add("name over 4 KiB", "name", fileOf("{\"" + std::string(4097, 'n') + "':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}", 1));
  }
  void refuses() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, code);
    Bytes raw;
    raw.data = bytes.toStdString();
    const auto header = parseSafetensors(raw.span(), raw.data.size(), "forged.safetensors");
    QVERIFY(!header.ok());
    QCOMPARE(QString::fromStdString(header.error().code), code);
    QVERIFY(!header.error().why.empty() || !header.error().detail.empty());
  }

  void everyPrefixIsRefused() {
    const auto whole = fileOf(kGood, 22);
    for (std::size_t length = 0; length < whole.data.size(); ++length)
      QVERIFY(!parseSafetensors(whole.span().first(length), length, "cut").ok());
  }

  void roundTripAndReference() {
    QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    std::vector<TensorToWrite> tensors;
    const auto add = [&](std::string name, std::string dtype, std::vector<std::int64_t> shape, char first) {
      tensors.push_back({std::move(name), std::move(dtype), std::move(shape), [first](std::span<std::byte> out) {
                           for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>((first + static_cast<int>(i)) & 0x3f);
                           return Status{};
                         }});
    };
    add("z.half", "F16", {3}, 1);
    add("a.brain", "BF16", {5, 2}, 2);
    add("m.float", "F32", {2, 3}, 3);
    add("ids", "I64", {1}, 4);
    const auto size = safetensorsFileSize(tensors);
    QVERIFY(writeSafetensors(folder / "ours.safetensors", tensors).ok());
    QCOMPARE(std::filesystem::file_size(folder / "ours.safetensors"), size);
    const auto file = InputFile::open(folder / "ours.safetensors");
    QVERIFY(file.ok());
    const auto header = readSafetensorsHeader(**file);
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QCOMPARE(header->tensors[0].name, std::string("ids"));   // widest first, then by name
    QCOMPARE(header->tensors[2].name, std::string("a.brain"));
    QCOMPARE(header->dataStart % 8, std::uint64_t{0});
    if (!tests::exists(tests::python())) QSKIP("oracle: .deps/python is absent");
    const std::string said = tests::oracle({"safetensors", (folder / "ours.safetensors").string(), (folder / "theirs.safetensors").string()});
    QVERIFY2(!said.starts_with("FAILED"), said.c_str());
    const auto listed = parseJson(said, "oracle");
    QVERIFY(listed.ok());
    for (const auto& tensor : header->tensors) {
      std::vector<std::byte> raw(tensor.end - tensor.begin);
      QVERIFY((*file)->read(header->dataStart + tensor.begin, raw).ok());
      QCOMPARE((*listed)[tensor.name][2].get<std::string>(), Sha256().update(std::span<const std::byte>(raw)).hex());
    }
    const auto theirs = InputFile::open(folder / "theirs.safetensors");
    QVERIFY(theirs.ok());
    QCOMPARE(readSafetensorsHeader(**theirs)->tensors.size(), std::size_t{4});
    // Same layout rules, same bytes.
    QCOMPARE(readFile(folder / "ours.safetensors").value().size(), readFile(folder / "theirs.safetensors").value().size());
  }
};

QTEST_APPLESS_MAIN(TstSafetensors)
#include "tst_safetensors.moc"
