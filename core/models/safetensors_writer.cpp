// The writer of safetensors files and shards: header first, then the tensors one by one, never all in memory.
#include <algorithm>
#include <cstdio>
#include <numeric>

#include "base/json.h"
#include "models/output_file.h"
#include "models/safetensors.h"

namespace retort::models {
namespace {

void sortForWriting(std::vector<TensorToWrite>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    const unsigned left = safetensorsBits(a.dtype), right = safetensorsBits(b.dtype);
    return left != right ? left > right : a.name < b.name;
  });
}

std::string headerText(const std::vector<TensorToWrite>& sorted) {
  Json header = Json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t at = 0;
  for (const auto& tensor : sorted) {
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.bytes()}}};
    at += tensor.bytes();
  }
  std::string text = dumpJson(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

std::uint64_t TensorToWrite::bytes() const {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, [](std::uint64_t n, std::int64_t d) { return n * static_cast<std::uint64_t>(d); }) *
         safetensorsBits(dtype) / 8;
}

std::uint64_t safetensorsFileSize(const std::vector<TensorToWrite>& tensors) {
  std::uint64_t total = 8;
  auto sorted = tensors;
  sortForWriting(sorted);
  total += headerText(sorted).size();
  for (const auto& tensor : sorted) total += tensor.bytes();
  return total;
}

Status writeSafetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors) {
  sortForWriting(tensors);
  const std::string header = headerText(tensors);
  RETORT_TRY(auto file, OutputFile::create(path));
  const std::uint64_t length = header.size();
  RETORT_CHECK(file.write(std::as_bytes(std::span(&length, 1))));
  RETORT_CHECK(file.write(std::as_bytes(std::span(header))));
  std::vector<std::byte> buffer;
  for (const auto& tensor : tensors) {
    buffer.resize(static_cast<std::size_t>(tensor.bytes()));
    RETORT_CHECK(tensor.fill(buffer));
    RETORT_CHECK(file.write(buffer));
  }
  return file.commit();
}

Result<std::vector<std::string>> writeSafetensorsShards(const std::filesystem::path& folder, std::vector<TensorToWrite> tensors, std::uint64_t shardBytes) {
  std::vector<std::vector<TensorToWrite>> shards(1);
  std::uint64_t size = 0, total = 0;
  for (auto& tensor : tensors) {
    const std::uint64_t bytes = tensor.bytes();
    if (size > 0 && size + bytes > shardBytes) shards.emplace_back(), size = 0;
    size += bytes;
    total += bytes;
    shards.back().push_back(std::move(tensor));
  }
  if (shards.size() == 1) {
    RETORT_CHECK(writeSafetensors(folder / "model.safetensors", std::move(shards[0])));
    return std::vector<std::string>{"model.safetensors"};
  }
  std::vector<std::string> names;
  Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", Json::object()}};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    for (const auto& tensor : shards[i]) index["weight_map"][tensor.name] = name;
    RETORT_CHECK(writeSafetensors(folder / name, std::move(shards[i])));
    names.emplace_back(name);
  }
  RETORT_CHECK(writeJsonFile(folder / "model.safetensors.index.json", index));
  names.emplace_back("model.safetensors.index.json");
  return names;
}

}  // namespace retort::models
