// Checkpoints: everything a run needs to go on as if nothing had happened, whole or absent, checked by SHA-256.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/decoder.h"

namespace retort::engine {

/// checkpoints/<step>/: model.safetensors (f32 masters), optim.safetensors (moments, count), rng.safetensors, state.json, manifest.json.
struct Checkpoint {
  std::int64_t step = 0;
  std::vector<NamedHostTensor> masters, optimiser;
  at::Tensor rng;                    ///< state of torch's CPU generator
  Json state = Json::object();       ///< schema retort.checkpoint/1; the trainer's counters
};

/// Bytes that a checkpoint of these tensors takes.
[[nodiscard]] std::uint64_t checkpointBytes(const std::vector<NamedHostTensor>& masters, const std::vector<NamedHostTensor>& optimiser);
/// Writes `root/<step>`: free space is checked, files are written and flushed in a hidden folder which then gets its name.
Status saveCheckpoint(const std::filesystem::path& root, const Checkpoint& checkpoint);
/// Reads one after checking its files' hashes. Error "engine.checkpoint.damaged".
Result<Checkpoint> loadCheckpoint(const std::filesystem::path& folder);
/// The newest checkpoint whose hashes hold; `rejected` gets the names of newer ones that do not. nullopt: there is none.
std::optional<Checkpoint> newestCheckpoint(const std::filesystem::path& root, std::vector<std::string>& rejected);
/// Steps of complete checkpoints, rising.
[[nodiscard]] std::vector<std::int64_t> checkpointSteps(const std::filesystem::path& root);
/// Deletes all but the newest `keepLast` and `best` (-1: none), and left-overs of broken writes.
void pruneCheckpoints(const std::filesystem::path& root, int keepLast, std::int64_t best);

/// State of torch's CPU generator, and back.
[[nodiscard]] at::Tensor generatorState();
void setGeneratorState(const at::Tensor& state);

}  // namespace retort::engine
