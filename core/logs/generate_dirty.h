// Defects for generated logs: what a damaged or foreign line looks like, and whether it must be rejected or borne.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "logs/generate_output.h"
#include "logs/reject_reason.h"

namespace retort::logs {

class Defects {
 public:
  Defects(std::uint64_t seed, double rate);
  struct Counts {
    std::int64_t lines = 0, duplicates = 0, rejected = 0, repaired = 0;
  };

  /// Adds a record's line to the output; now and then mended from a defect, or with a defective line behind it.
  void add(GenerateOutput& output, std::string_view line, std::string_view requestId);
  /// A new file begins: perhaps with a byte order mark, perhaps as two gzip members, perhaps cut at its end.
  void beginFile(GenerateOutput& output);
  /// The file is about to end.
  void endFile(GenerateOutput& output);
  /// True when the next record's request body shall be missing although the record names a spill file.
  bool wantsMissingSpill();
  /// Adds a line whose spilled request is not there.
  void addMissingSpill(GenerateOutput& output, std::string_view line, std::string_view requestId) {
    ++m_counts.lines;
    const LinePlace place = output.add(line);
    tolerate(place, "missing-spill", requestId);
    afterMark(place, requestId);
  }
  [[nodiscard]] const Counts& counts() const { return m_counts; }
  [[nodiscard]] const std::string& manifest() const { return m_manifest; }      ///< JSON lines
  [[nodiscard]] const std::string& tolerated() const { return m_tolerated; }    ///< JSON lines

 private:
  void reject(const LinePlace& place, RejectReason reason);
  void tolerate(const LinePlace& place, std::string_view kind, std::string_view requestId);
  bool addMendable(GenerateOutput& output, std::string_view line, std::string_view requestId, int kind);
  void addRejected(GenerateOutput& output, std::string_view line, std::string_view requestId, int kind);
  int nextKind();
  /// The record behind a byte order mark counts as repaired.
  void afterMark(const LinePlace& place, std::string_view requestId);
  Random m_random;
  double m_rate;
  std::vector<int> m_kinds;             ///< a shuffled round of all kinds, so that each has its turn
  std::string m_lastLine, m_lastId;
  bool m_cutThisFile = false, m_hasCut = false, m_isBehindMark = false;
  std::int64_t m_filesBegun = 0;
  Counts m_counts;
  std::string m_manifest, m_tolerated;
};

}  // namespace retort::logs
