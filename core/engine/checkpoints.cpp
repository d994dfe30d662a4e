// Checkpoints on disk: reference engine, section 10.
#include "engine/checkpoints.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/tensor_file.h"
#include "engine/tensor_more.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/CPUGeneratorImpl.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

constexpr std::array<const char*, 4> kFiles = {"model.safetensors", "optim.safetensors", "rng.safetensors", "state.json"};

Error damaged(const fs::path& folder, const std::string& why) {
  return Error{"engine.checkpoint.damaged", "A checkpoint cannot be used", folder.string(), why, "An earlier one is tried", {}, {}};
}

Status verify(const fs::path& folder) {
  RETORT_TRY(const Json manifest, readJsonFile(folder / "manifest.json"));
  const auto files = manifest.find("files");
  if (files == manifest.end() || !files->is_object()) return damaged(folder, "its manifest lists no files");
  for (const char* name : kFiles) {
    const auto it = files->find(name);
    if (it == files->end() || !it->is_string()) return damaged(folder, std::string("its manifest lacks ") + name);
    RETORT_TRY(const std::string hash, sha256File(folder / name));
    if (hash != it->get<std::string>()) return damaged(folder, std::string(name) + " does not have the hash of the manifest");
  }
  return {};
}

}  // namespace

std::uint64_t checkpointBytes(const std::vector<NamedHostTensor>& masters, const std::vector<NamedHostTensor>& optimiser) {
  std::uint64_t bytes = 1u << 20;
  for (const auto* list : {&masters, &optimiser})
    for (const auto& t : *list) bytes += t.tensor.nbytes() + 256;
  return bytes;
}

Status saveCheckpoint(const fs::path& root, const Checkpoint& c) {
  RETORT_CHECK(makeFolders(root));
  RETORT_CHECK(requireSpace(root, checkpointBytes(c.masters, c.optimiser), "checkpoint " + std::to_string(c.step)));
  const fs::path target = root / std::to_string(c.step);
  std::error_code ignored;
  fs::remove_all(target, ignored);           // the same step again, after a restart
  RETORT_TRY(FolderInTheMaking folder, FolderInTheMaking::begin(target));
  RETORT_CHECK(models::writeSafetensors(folder.path() / kFiles[0], tensorsToWrite(c.masters)));
  RETORT_CHECK(models::writeSafetensors(folder.path() / kFiles[1], tensorsToWrite(c.optimiser)));
  RETORT_CHECK(models::writeSafetensors(folder.path() / kFiles[2], tensorsToWrite({{"cpu", c.rng}})));
  Json state = {{"schema", "retort.checkpoint/1"}, {"step", c.step}};
  for (const auto& [key, value] : c.state.items()) state[key] = value;
  RETORT_CHECK(writeJsonFile(folder.path() / kFiles[3], state));
  Json hashes = Json::object();
  for (const char* name : kFiles) {
    RETORT_TRY(hashes[name], sha256File(folder.path() / name));
  }
  RETORT_CHECK(writeJsonFile(folder.path() / "manifest.json", {{"schema", "retort.manifest/1"}, {"files", hashes}}));
  RETORT_CHECK(syncFolder(folder.path()));
  return folder.commit();
}

Result<Checkpoint> loadCheckpoint(const fs::path& folder) {
  RETORT_CHECK(verify(folder));
  Checkpoint c;
  RETORT_TRY(c.masters, readTensorFile(folder / kFiles[0]));
  RETORT_TRY(c.optimiser, readTensorFile(folder / kFiles[1]));
  RETORT_TRY(const auto rng, readTensorFile(folder / kFiles[2]));
  if (rng.size() != 1) return damaged(folder, "rng.safetensors holds no generator state");
  c.rng = rng[0].tensor;
  RETORT_TRY(c.state, readJsonFile(folder / kFiles[3]));
  const auto step = c.state.find("step");
  if (step == c.state.end() || !step->is_number_integer()) return damaged(folder, "state.json names no step");
  c.step = step->get<std::int64_t>();
  return c;
}

std::vector<std::int64_t> checkpointSteps(const fs::path& root) {
  std::vector<std::int64_t> steps;
  std::error_code code;
  for (fs::directory_iterator it(root, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    std::int64_t step = 0;
    const auto [at, ec] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (ec == std::errc() && at == name.data() + name.size() && it->is_directory(code)) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::optional<Checkpoint> newestCheckpoint(const fs::path& root, std::vector<std::string>& rejected) {
  auto steps = checkpointSteps(root);
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    auto checkpoint = loadCheckpoint(root / std::to_string(*it));
    if (checkpoint.ok()) return std::move(checkpoint).value();
    log(LogLevel::warning, "engine", checkpoint.error().text());
    rejected.push_back(std::to_string(*it));
  }
  return std::nullopt;
}

void pruneCheckpoints(const fs::path& root, int keepLast, std::int64_t best) {
  const auto steps = checkpointSteps(root);
  std::error_code ignored;
  for (std::size_t i = 0; i + static_cast<std::size_t>(keepLast) < steps.size(); ++i)
    if (steps[i] != best) fs::remove_all(root / std::to_string(steps[i]), ignored);
  for (fs::directory_iterator it(root, ignored), end; !ignored && it != end; it.increment(ignored))
    if (it->path().filename().string().ends_with(".part")) fs::remove_all(it->path(), ignored);
}

at::Tensor generatorState() { return at::detail::getDefaultCPUGenerator().get_state(); }
void setGeneratorState(const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state);
}

}  // namespace retort::engine
