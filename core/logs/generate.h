// The sample generator: deterministic Bedrock invocation logs of two made-up worlds, with gold labels and, on request, defects.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"

namespace retort::logs {

struct GenerateOptions {
  std::int64_t records = 1000;
  std::uint64_t seed = 1;
  bool isDesk = true;               ///< world "desk" (a city's message desk, labelled); else "load" (for size)
  bool isTree = false;              ///< OUT is a folder in Bedrock's S3 layout; else one file of JSON lines (gzip when it ends in .gz)
  bool metadataOnly = false;        ///< records without bodies
  double dirty = 0;                 ///< share of records beside which a defect stands, 0..1
  std::int64_t golden = -1;         ///< labelled examples (desk); -1: a third of the records, at most 2,000
};

/// What was written. Side files lie beside OUT, never inside the tree, so that OUT can be imported as it is.
struct GenerateResult {
  std::int64_t lines = 0;           ///< non-blank lines, defects included
  std::int64_t accepted = 0, duplicates = 0, rejected = 0, repaired = 0;   ///< what an import of it must count
  std::int64_t files = 0;           ///< log files
  std::int64_t bytes = 0;           ///< of the inflated log lines
  std::string sha256;               ///< over the inflated bytes of the log files, in the order of their paths
  std::int64_t golden = 0;          ///< rows of golden.jsonl
  std::string goldFile;             ///< OUT.gold.jsonl: {"request_id","label"} of every accepted record (desk)
  std::string goldenFile;           ///< OUT.golden.jsonl: {"request_id","messages"} with the right answer as assistant turn (desk)
  std::string manifestFile;         ///< OUT.manifest.jsonl: {"file","line","byte","reason"} of exactly what must be rejected (dirty)
  std::string toleratedFile;        ///< OUT.tolerated.jsonl: {"file","line","byte","kind","request_id"} of defects that must not be rejected (dirty)
  [[nodiscard]] Json toJson() const;
};

/// Writes the world to `out`, a path that does not exist yet, or to stdout for "-". Equal options give equal bytes on every machine.
/// In the manifest, files are named relative to `out` (a single file by its name).
Result<GenerateResult> generateLogs(const std::filesystem::path& out, const GenerateOptions& options, std::stop_token stop = {},
                                    const ProgressFn& progress = {});

}  // namespace retort::logs
