// Test help: the vocabulary of a GGUF file, its .inp/.out vectors, and the Python tokenizers package as an oracle.
#pragma once
#include <QByteArray>
#include <QFile>
#include <QFileInfo>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <cstring>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace retort::test {

inline QString dataFolder() {
  const QString given = qEnvironmentVariable("RETORT_TEST_DATA");
  return given.isEmpty() ? qEnvironmentVariable("RETORT_SOURCE", ".") + "/../shared/data" : given;
}

/// Reads just enough of a GGUF header for tokenizer tests; trusts the file.
class GgufHeader {
 public:
  static bool read(const QString& path, text::GgufVocabulary& v) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) return false;
    const QByteArray bytes = file.readAll();
    GgufHeader h{bytes.constData()};
    h.m_p += 16;
    const auto count = h.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) h.entry(v);
    return !v.tokens.empty();
  }

 private:
  explicit GgufHeader(const char* p) : m_p(p) {}
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, m_p, sizeof value);
    m_p += sizeof value;
    return value;
  }
  std::string string() {
    const auto n = number<std::uint64_t>();
    std::string out(m_p, n);
    m_p += n;
    return out;
  }
  static int sizeOf(std::uint32_t type) {
    static constexpr int sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return sizes[type];
  }
  void skip(std::uint32_t type) {
    if (type == 8) (void)string();
    else m_p += sizeOf(type);
  }
  void entry(text::GgufVocabulary& v) {
    const std::string key = string();
    const auto type = number<std::uint32_t>();
    if (type == 9) {
      const auto item = number<std::uint32_t>();
      const auto n = number<std::uint64_t>();
      for (std::uint64_t i = 0; i < n; ++i) {
        if (key == "tokenizer.ggml.tokens") v.tokens.push_back(string());
        else if (key == "tokenizer.ggml.merges") v.merges.push_back(string());
        else if (key == "tokenizer.ggml.scores") v.scores.push_back(number<float>());
        else if (key == "tokenizer.ggml.token_type") v.types.push_back(number<std::int32_t>());
        else skip(item);
      }
      return;
    }
    if (key == "tokenizer.ggml.model") v.model = string();
    else if (key == "tokenizer.ggml.pre") v.pre = string();
    else if (key == "tokenizer.ggml.bos_token_id") v.bos = number<std::int32_t>();
    else if (key == "tokenizer.ggml.eos_token_id") v.eos = number<std::int32_t>();
    else if (key == "tokenizer.ggml.unknown_token_id") v.unknown = number<std::int32_t>();
    else if (key == "tokenizer.ggml.padding_token_id") v.padding = number<std::int32_t>();
    else if (key == "tokenizer.ggml.add_space_prefix") v.addSpacePrefix = number<std::uint8_t>() != 0;
    else skip(type);
  }
  const char* m_p;
};

/// The texts of an .inp file; the final separator starts no text.
inline std::vector<std::string> vectorTexts(const QString& path) {
  std::vector<std::string> texts;
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return texts;
  const std::string all = file.readAll().toStdString(), separator = "\n__ggml_vocab_test__\n";
  std::size_t done = 0;
  for (std::size_t at = all.find(separator); at != all.npos; at = all.find(separator, done)) {
    texts.push_back(all.substr(done, at - done));
    done = at + separator.size();
  }
  if (done < all.size()) texts.push_back(all.substr(done));
  return texts;
}

/// The lines of ids of an .out file.
inline std::vector<std::vector<text::TokenId>> vectorIds(const QString& path) {
  std::vector<std::vector<text::TokenId>> rows;
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return rows;
  QByteArray all = file.readAll();
  if (all.endsWith('\n')) all.chop(1);
  for (const QByteArray& line : all.split('\n')) {
    rows.emplace_back();
    for (const QByteArray& id : line.split(' '))
      if (!id.isEmpty()) rows.back().push_back(id.toInt());
  }
  return rows;
}

inline QString python() {
  const QString path = qEnvironmentVariable("RETORT_SOURCE", ".") + "/.deps/python/bin/python";
  return QFileInfo(path).isExecutable() ? path : QString();
}

/// What a Python script makes of a JSON value: the script reads argv[2] and writes argv[3]; argv[1] is the tokenizer.json.
/// Null when it cannot be run (then `message` says why).
inline Json oracle(const char* script, const QString& tokenizerJson, const Json& input, const QString& folder, QString* message) {
  QFile in(folder + "/in.json"), out(folder + "/out.json");
  if (!in.open(QIODevice::WriteOnly)) return {};
  const std::string dumped = input.dump();
  in.write(dumped.data(), static_cast<qint64>(dumped.size()));
  in.close();
  QProcess process;
  process.setProcessChannelMode(QProcess::MergedChannels);
  process.start(python(), {"-c", script, tokenizerJson, in.fileName(), out.fileName()});
  if (!process.waitForFinished(120'000) || process.exitCode() != 0) {
    *message = process.errorString() + QString::fromUtf8(process.readAll().right(2000));
    return {};
  }
  if (!out.open(QIODevice::ReadOnly)) return {};
  return Json::parse(out.readAll().toStdString());
}

/// Ids by the Python package for each text; empty when it cannot be run.
inline std::vector<std::vector<text::TokenId>> oracleIds(const QString& tokenizerJson, const std::vector<std::string>& texts, const QString& folder, QString* message) {
  const Json ids = oracle("import json,sys\nfrom tokenizers import Tokenizer\nt=Tokenizer.from_file(sys.argv[1])\n"
                          "json.dump([t.encode(x,add_special_tokens=False).ids for x in json.load(open(sys.argv[2],encoding='utf-8'))],open(sys.argv[3],'w'))\n",
                          tokenizerJson, Json(texts), folder, message);
  return ids.is_array() ? ids.get<std::vector<std::vector<text::TokenId>>>() : std::vector<std::vector<text::TokenId>>{};
}

/// Texts by the Python package for each row of ids.
inline std::vector<std::string> oracleTexts(const QString& tokenizerJson, const std::vector<std::vector<text::TokenId>>& ids, const QString& folder, QString* message) {
  const Json texts = oracle("import json,sys\nfrom tokenizers import Tokenizer\nt=Tokenizer.from_file(sys.argv[1])\n"
                            "json.dump([t.decode(x) for x in json.load(open(sys.argv[2]))],open(sys.argv[3],'w',encoding='utf-8'),ensure_ascii=False)\n",
                            tokenizerJson, Json(ids), folder, message);
  return texts.is_array() ? texts.get<std::vector<std::string>>() : std::vector<std::string>{};
}

}  // namespace retort::test
