// GGUF headers: what is right is read, every forged count, size, offset and type is refused by name.
#include <QtTest>

#include "models/gguf.h"
#include "test_files.h"

using namespace retort;
using namespace retort::models;
using retort::tests::Bytes;

namespace {

/// A good little file, each part of which a test may replace.
struct Forge {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::int64_t tensors = 1, keys = 2;
  Bytes metadata, table, tail;
  std::size_t dataBytes = 256;

  Forge() {
    metadata.text("general.architecture").put<std::uint32_t>(8).text("llama");
    metadata.text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(32);
    tensor("a", {8, 8}, 0, 0);
  }
  void tensor(std::string_view name, std::vector<std::int64_t> dims, std::uint32_t type, std::uint64_t offset) {
    table.text(name).put<std::uint32_t>(static_cast<std::uint32_t>(dims.size()));
    for (const auto dim : dims) table.put(dim);
    table.put(type).put(offset);
  }
  [[nodiscard]] Bytes bytes() const {
    Bytes out;
    out.raw(magic).put(version).put(tensors).put(keys).raw(metadata.data).raw(table.data);
    if (tensors > 0) out.pad();
    out.data.append(dataBytes, '\1');
    return out;
  }
};

std::string codeOf(const Bytes& bytes) {
  const auto header = parseGguf(bytes.span(), bytes.data.size(), "forged.gguf");
  return header.ok() ? std::string() : header.error().code;
}

}  // namespace

class TstGguf : public QObject {
  Q_OBJECT
 private slots:
  void readsGoodFile() {
    const auto header = parseGguf(Forge().bytes().span(), Forge().bytes().data.size(), "good.gguf");
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QCOMPARE(header->text("general.architecture").value(), std::string("llama"));
    QCOMPARE(header->tensors.size(), std::size_t{1});
    QCOMPARE(header->tensors[0].bytes, std::uint64_t{256});
    QCOMPARE(header->dataOffset % 32, std::uint64_t{0});
  }

  void refuses_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("code");
    const auto add = [](const char* name, const char* code, auto change) {
      Forge forge;
      change(forge);
      QTest::newRow(name) << QByteArray::fromStdString(forge.bytes().data) << QString("models.gguf.") + code;
    };
    const auto replaceTensor = [](Forge& f, std::vector<std::int64_t> dims, std::uint32_t type = 0, std::uint64_t offset = 0) {
      f.table.data.clear();
      f.tensor("a", std::move(dims), type, offset);
    };
    add("zip", "magic", [](Forge& f) { f.magic = "PK\3\4"; });
    add("old GGML", "magic", [](Forge& f) { f.magic = "lmgg"; });
    add("version 1", "version", [](Forge& f) { f.version = 1; });
    add("version 4", "version", [](Forge& f) { f.version = 4; });
    add("byte-swapped", "swapped", [](Forge& f) { f.version = 0x03000000; });
    add("forged tensor count", "count", [](Forge& f) { f.tensors = 1LL << 60; });
    add("negative tensor count", "count", [](Forge& f) { f.tensors = -1; });
    add("forged key count", "count", [](Forge& f) { f.keys = 1LL << 40; });
    add("negative key count", "count", [](Forge& f) { f.keys = -7; });
    add("string longer than the file", "string", [](Forge& f) { f.metadata.data.clear(), f.metadata.put<std::uint64_t>(1u << 20).raw("x"); });
    add("string over 1 GiB", "string", [](Forge& f) { f.metadata.data.clear(), f.metadata.put<std::uint64_t>(1ull << 62); });
    add("empty key", "key", [](Forge& f) { f.metadata.data.clear(), f.metadata.text("").put<std::uint32_t>(4).put<std::uint32_t>(1), f.keys = 1; });
    add("duplicate key", "key", [](Forge& f) { f.metadata.text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(32), f.keys = 3; });
    add("unknown kind", "kind", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(13), f.keys = 3; });
    add("negative kind", "kind", [](Forge& f) { f.metadata.text("x").put<std::int32_t>(-1), f.keys = 3; });
    add("bool of 2", "bool", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(7).put<std::uint8_t>(2), f.keys = 3; });
    add("nested array", "nested", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(9).put<std::uint32_t>(9).put<std::uint64_t>(1), f.keys = 3; });
    add("array longer than the file", "array", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(9).put<std::uint32_t>(4).put<std::uint64_t>(1u << 20), f.keys = 3; });
    add("array whose bytes wrap", "array", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(9).put<std::uint32_t>(10).put<std::uint64_t>(1ull << 61), f.keys = 3; });
    add("array of forged strings", "array", [](Forge& f) { f.metadata.text("x").put<std::uint32_t>(9).put<std::uint32_t>(8).put<std::uint64_t>(1u << 29), f.keys = 3; });
    add("alignment 0", "alignment", [](Forge& f) { f.metadata.data.clear(), f.metadata.text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(0), f.keys = 1; });
    add("alignment 48", "alignment", [](Forge& f) { f.metadata.data.clear(), f.metadata.text("general.alignment").put<std::uint32_t>(4).put<std::uint32_t>(48), f.keys = 1; });
    add("alignment as text", "alignment", [](Forge& f) { f.metadata.data.clear(), f.metadata.text("general.alignment").put<std::uint32_t>(8).text("32"), f.keys = 1; });
    add("duplicate tensor", "tensor", [](Forge& f) { f.tensor("a", {8, 8}, 0, 256), f.tensors = 2, f.dataBytes = 512; });
    add("empty tensor name", "tensor", [](Forge& f) { f.table.data.clear(), f.tensor("", {8, 8}, 0, 0); });
    add("tensor name of 64", "tensor", [](Forge& f) { f.table.data.clear(), f.tensor(std::string(64, 'n'), {8, 8}, 0, 0); });
    add("rank 5", "rank", [&](Forge& f) { replaceTensor(f, {1, 1, 1, 1, 1}); });
    add("negative dimension", "dimension", [&](Forge& f) { replaceTensor(f, {8, -8}); });
    add("element count wraps", "overflow", [&](Forge& f) { replaceTensor(f, {1LL << 32, 1LL << 32, 4}); });
    add("bytes wrap", "overflow", [&](Forge& f) { replaceTensor(f, {1LL << 62}); });
    add("row is no whole block", "block", [&](Forge& f) { replaceTensor(f, {33, 8}, 2); });
    add("negative type", "type", [&](Forge& f) { replaceTensor(f, {8, 8}, 0xffffffffu); });
    add("offset not the running sum", "offset", [&](Forge& f) { replaceTensor(f, {8, 8}, 0, 32); });
    add("overlapping tensors", "offset", [](Forge& f) { f.tensor("b", {8, 8}, 0, 128), f.tensors = 2, f.dataBytes = 512; });
    add("tensor past the end", "extent", [&](Forge& f) { replaceTensor(f, {8, 9}); });
    add("exabytes on a few bytes", "extent", [&](Forge& f) { replaceTensor(f, {1LL << 58}); });
    add("token over 64 KiB", "token", [](Forge& f) {
      f.metadata.text("tokenizer.ggml.tokens").put<std::uint32_t>(9).put<std::uint32_t>(8).put<std::uint64_t>(1).text(std::string(65537, 't')), f.keys = 3;
    });
  }
  void refuses() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, code);
    Bytes raw;
    raw.data = bytes.toStdString();
    const auto header = parseGguf(raw.span(), raw.data.size(), "forged.gguf");
    QVERIFY(!header.ok());
    QCOMPARE(QString::fromStdString(header.error().code), code);
    QVERIFY(header.error().what.find("forged.gguf") != std::string::npos);
    QVERIFY(!header.error().where.empty() && !header.error().why.empty() && !header.error().next.empty());
  }

  void everyPrefixIsRefused() {
    const auto whole = Forge().bytes();
    for (std::size_t length = 0; length < whole.data.size(); ++length) {
      Bytes cut;
      cut.data = whole.data.substr(0, length);
      QVERIFY2(!codeOf(cut).empty(), qPrintable(QString::number(length)));
    }
    QCOMPARE(codeOf(whole), std::string());
  }

  void asksForMoreInsideTheFile() {
    const auto whole = Forge().bytes();
    const auto header = parseGguf(whole.span().first(40), whole.data.size(), "x");
    QVERIFY(!header.ok());
    QCOMPARE(header.error().code, std::string("models.gguf.window"));
  }

  void unknownTypeIsListed() {
    Forge forge;
    forge.table.data.clear();
    forge.tensor("strange", {8, 8}, 200, 0);
    forge.tensor("b", {8, 8}, 0, 64);
    forge.tensors = 2;
    forge.dataBytes = 320;
    const auto header = parseGguf(forge.bytes().span(), forge.bytes().data.size(), "x");
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QVERIFY(header->tensors[0].traits == nullptr);
    QCOMPARE(header->tensors[0].type, 200u);
  }

  void vocabularyFiles_data() {
    QTest::addColumn<QString>("file");
    for (const char* name : {"gpt-2", "starcoder", "llama-bpe", "qwen2", "llama-spm"}) QTest::newRow(name) << QString("ggml-vocab-%1.gguf").arg(name);
  }
  void vocabularyFiles() {
    QFETCH(QString, file);
    const auto path = tests::testData() / "tokenizers" / file.toStdString();
    if (!tests::exists(path)) QSKIP("shared data: tokenizers/*.gguf is absent");
    const auto input = InputFile::open(path);
    QVERIFY(input.ok());
    const auto header = readGgufHeader(**input);
    QVERIFY2(header.ok(), header.ok() ? "" : header.error().text().c_str());
    QCOMPARE(header->tensors.size(), std::size_t{0});
    QVERIFY(header->array("tokenizer.ggml.tokens") != nullptr);
    QVERIFY(header->array("tokenizer.ggml.tokens")->size() > 30000);
  }
};

QTEST_APPLESS_MAIN(TstGguf)
#include "tst_gguf.moc"
