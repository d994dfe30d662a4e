// Small helpers for tests of the log store: records, files, gzip, imports and a dump that ignores where bytes lie.
#pragma once
#include <libdeflate.h>

#include <QTemporaryDir>
#include <QTest>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/format.h"
#include "logs/importer.h"
#include "logs/log_store.h"
#include "store/database.h"

namespace retort::logs::test {

namespace fs = std::filesystem;

inline std::string uuid(int n) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-1111-4222-8333-444455556666", n);
  return text;
}

/// A Converse record with number `n`.
inline std::string line(int n, std::string_view text = "Hello", std::string_view metadata = R"({"env":"prod"})") {
  return R"({"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"2026-03-02T06:00:)" + std::string(n % 60 < 10 ? "0" : "") + std::to_string(n % 60) +
         R"(Z","accountId":"111122223333","region":"eu-central-1","requestId":")" + uuid(n) + R"(","operation":"Converse","modelId":"amazon.nova-lite-v1:0","requestMetadata":)" +
         std::string(metadata) + R"(,"input":{"inputContentType":"application/json","inputBodyJson":{"messages":[{"role":"user","content":[{"text":")" + std::string(text) +
         R"("}]}]},"inputTokenCount":)" + std::to_string(n) +
         R"(},"output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":2}},"outputTokenCount":2}})";
}

inline std::string gzip(std::string_view bytes) {
  auto* compressor = libdeflate_alloc_compressor(6);
  std::string out(libdeflate_gzip_compress_bound(compressor, bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

struct Place {
  QTemporaryDir temporary;
  fs::path root{temporary.path().toStdString()};
  fs::path db() const { return root / "logs.db"; }
  fs::path write(const std::string& name, std::string_view bytes) const {
    const fs::path path = root / "in" / name;
    fs::create_directories(path.parent_path());
    if (!writeFileAtomically(path, bytes).ok()) qFatal("cannot write a fixture");
    return path;
  }
  Result<ImportSummary> import(int workers = 1, std::string_view where = {}) const {
    ImportOptions options;
    options.sources = {root / "in"};
    options.workers = workers;
    options.checkSpace = false;
    if (!where.empty()) options.where = *parseFilter(where);
    return importLogs(db(), options);
  }
};

/// Everything that counts of a store, without block numbers and database ids.
inline std::string dump(const fs::path& db, const fs::path& root) {
  auto store = LogStore::open(db);
  if (!store.ok()) return store.error().text();
  std::string out;
  const LogStore& s = **store;
  for (const auto id : s.universe().toVector()) {
    const auto record = s.record(id);
    const auto row = s.row(id);
    if (!record.ok() || !row.ok()) return out + "unreadable record";
    out += dumpJson(record->toJson()) + " " + row->preview + " " + row->model + " " + row->stop + " " + row->requestId + "\n" + *s.rawLine(id) + "\n";
  }
  const auto facets = s.facets({}, {}, 1'000'000);
  for (const auto& facet : *facets) {
    out += facet.key + " " + std::to_string(facet.missing) + (facet.isSampled ? "~" : "") + "\n";
    if (facet.isSampled) continue;
    for (const auto& value : facet.values) {
      out += "  " + value.value + " " + std::to_string(value.count);
      FilterNode test;
      test.kind = FilterNode::Kind::test;
      test.field = facet.key;
      test.isBuiltIn = facet.key.starts_with("@");
      test.values = {{value.value, false}};
      const auto ids = s.ids({test, Missing::differs});
      for (const auto id : *ids) out += " " + std::to_string(id);
      out += "\n";
    }
  }
  const auto rejects = s.rejects(0, 1'000'000);
  std::vector<std::string> lines;
  for (const auto& reject : *rejects)
    lines.push_back(fs::path(reject.file).lexically_relative(root).string() + " " + std::to_string(reject.line) + " " + std::to_string(reject.byteOffset) + " " +
                    std::to_string(reject.length) + " " + std::string(rejectWord(reject.reason)) + " " + reject.head);
  out += join(lines, "\n");
  return out;
}

}  // namespace retort::logs::test
