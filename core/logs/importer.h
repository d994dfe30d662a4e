// Importing log files into a store: bounded memory, resumable, cancellable, every line accounted for.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "logs/filter.h"
#include "logs/read_rules.h"
#include "logs/source_list.h"

namespace retort::logs {

struct ImportOptions {
  std::vector<std::filesystem::path> sources;   ///< files, folders (walked in byte order of path), and s3://BUCKET/PREFIX (through the user's aws)
  std::vector<ListedFile> fetched;              ///< files that stand for something else, whose names they have
  std::optional<std::int64_t> sinceUs, untilUs; ///< half open: since <= time < until; a record without time is filtered
  Filter where;                                 ///< records that do not match are counted as filtered
  int workers = 0;                              ///< parse threads; 0: cores - 1, but 2 on two cores
  ReadRules read;                               ///< forced format, maps, alias table (its pairs are made by the import)
  std::string readRules;                        ///< names what is forced or mapped: under another text files are read anew
  std::function<bool()> isPaused;               ///< asked between chunks; while it says yes, everything read so far is committed and nothing is read
  bool checkSpace = true;                       ///< refuse when the disk has less than 0.35 x raw + 256 MB
};

/// One call's figures. accepted + duplicates + rejected + filtered = lines (non-blank lines or array elements).
struct ImportSummary {
  std::int64_t lines = 0, accepted = 0, duplicates = 0, rejected = 0, filtered = 0, repaired = 0;
  std::int64_t files = 0;                       ///< looked at; unchanged ones included
  std::int64_t unchangedFiles = 0, truncatedFiles = 0;
  std::int64_t bytes = 0;                       ///< unpacked bytes read
  double seconds = 0;
  std::vector<std::string> notes;               ///< sentences about files: cut, damaged, started anew, mended, guessed
  std::vector<FormatCount> formats;             ///< what was recognised, most documents first
  std::int64_t remapped = 0;                    ///< stored records whose model an edited alias table changed
  [[nodiscard]] std::string format() const;     ///< the format of most documents; empty when nothing was read
  [[nodiscard]] bool isGuessed() const;         ///< one of the formats was recognised by keys that others have too
  [[nodiscard]] Json toJson() const;
};

/// Imports into `logsDb` (made if absent). One importer a store: "logs.import.busy" otherwise. On cancellation what was
/// committed stays and the next call goes on there; the error is then cancelledError.
Result<ImportSummary> importLogs(const std::filesystem::path& logsDb, const ImportOptions& options, std::stop_token stop = {},
                                 const ProgressFn& progress = {});

}  // namespace retort::logs
