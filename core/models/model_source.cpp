// Opening a model by what its path holds; the fingerprint of a model and its cache.
#include "models/model_source.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/hash.h"
#include "base/paths.h"
#include "models/gguf_model.h"
#include "models/hf_model.h"

namespace retort::models {
namespace {

/// size and mtime of a file, as the cache's proof that it is the same.
std::string stampOf(const std::filesystem::path& file) {
  std::error_code code;
  const auto size = std::filesystem::file_size(file, code);
  const auto time = std::filesystem::last_write_time(file, code).time_since_epoch().count();
  return code ? std::string() : std::to_string(size) + " " + std::to_string(time);
}

/// sha256File with a cache in the user's data folder; without a writable folder it only takes longer.
Result<std::string> cachedSha256(const std::filesystem::path& file, std::stop_token stop) {
  std::error_code code;
  const auto cachePath = userDataFolder() / "model-hashes.json";
  const std::string key = std::filesystem::weakly_canonical(file, code).string(), stamp = stampOf(file);
  Json cache = Json::object();
  if (std::filesystem::exists(cachePath, code))
    if (auto read = readJsonFile(cachePath); read.ok() && read->is_object() && read->value("schema", "") == "retort.hashes/1") cache = std::move(read).value();
  if (const auto files = cache.find("files"); files != cache.end() && files->is_object())
    if (const auto it = files->find(key); it != files->end() && it->is_object() && !stamp.empty() && it->value("stamp", "") == stamp) {
      const std::string known = it->value("sha256", "");
      if (known.size() == 64) return known;
    }
  RETORT_TRY(auto hash, sha256File(file, stop));
  cache["schema"] = "retort.hashes/1";
  cache["files"][key] = {{"stamp", stamp}, {"sha256", hash}};
  if (makeFolders(userDataFolder()).ok()) (void)writeJsonFile(cachePath, cache);
  return hash;
}

}  // namespace

std::size_t dtypeBytes(DType dtype) {
  switch (dtype) {
    case DType::f32: case DType::i32: return 4;
    case DType::f16: case DType::bf16: return 2;
    case DType::i64: return 8;
    case DType::u8: return 1;
    case DType::quantised: break;
  }
  return 0;
}

std::string_view dtypeName(DType dtype) {
  static constexpr std::array<std::string_view, 7> kNames = {"F32", "F16", "BF16", "I64", "I32", "U8", "quantised"};
  return kNames[static_cast<std::size_t>(dtype)];
}

Result<std::shared_ptr<const ModelSource>> openModel(const std::filesystem::path& path) {
  std::error_code code;
  const auto kind = std::filesystem::status(path, code).type();
  if (kind == std::filesystem::file_type::directory) {
    RETORT_TRY(auto model, HfModel::open(path));
    return std::shared_ptr<const ModelSource>(std::move(model));
  }
  if (kind == std::filesystem::file_type::not_found)
    return Error{"models.open.missing", path.string() + " cannot be opened", "", "there is no such file or folder", "Check the path, or see `retort-cli model list`", "", {}};
  const auto extension = path.extension();
  if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt")
    return Error{"models.open.pickle", path.string() + " cannot be opened", "", "it is a Python pickle; opening one can run code, so Retort never does",
                 "Convert it to safetensors where it was made", "", {}};
  if (extension == ".safetensors")
    return Error{"models.open.folder", path.string() + " cannot be opened by itself", "", "a safetensors file has no config and no tokenizer", "Choose the folder it lies in", "", {}};
  RETORT_TRY(auto model, GgufModel::open(path));
  return std::shared_ptr<const ModelSource>(std::move(model));
}

Result<std::string> modelSha256(const std::filesystem::path& path, std::stop_token stop) {
  std::error_code code;
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(path, code)) {
    files.push_back(path);
  } else {
    for (const auto& entry : std::filesystem::directory_iterator(path, code))
      if (entry.path().extension() == ".safetensors" && entry.is_regular_file(code)) files.push_back(entry.path());
    if (files.empty()) return Error{"models.hash.none", path.string() + " has no fingerprint", "", "it holds no .safetensors file", "Choose a model folder", "", {}};
  }
  if (files.size() == 1) return cachedSha256(files[0], stop);
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.filename().string() < b.filename().string(); });
  Sha256 all;
  for (const auto& file : files) {
    RETORT_TRY(const auto hash, cachedSha256(file, stop));
    all.update(file.filename().string() + " " + hash + "\n");
  }
  return all.hex();
}

}  // namespace retort::models
