// What a reader of logs is told beside the bytes: forced format, maps, names of models; and what it tells about formats.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace retort::logs {

class FieldMaps;
class ModelAliases;
class PairIndex;

/// Empty: what the line says, with models under their normalised ids.
struct ReadRules {
  std::string format;                                  ///< forced; empty: recognised by content
  std::shared_ptr<const FieldMaps> maps;               ///< tried on what no built-in format takes; the forced one first
  std::shared_ptr<const ModelAliases> aliases;
  std::shared_ptr<PairIndex> pairs;                    ///< the other halves of batches; none: halves are rejected
};

/// How many documents were of one format.
struct FormatCount {
  std::string name;
  bool isGuess = false;
  std::int64_t documents = 0, noCalls = 0;             ///< noCalls: of the format, but no model calls; they count as filtered
};

}  // namespace retort::logs
