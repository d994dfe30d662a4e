// safetensors headers: any bytes give a typed error, or tensors that fill the file without gap or overlap.
// links: models
#include <cstdint>
#include <cstdlib>

#include "models/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::models;
  const auto header = parseSafetensors(std::as_bytes(std::span(data, size)), size, "fuzz");
  if (!header.ok()) {
    if (!header.error().code.starts_with("models.safetensors.")) std::abort();
    return 0;
  }
  std::uint64_t running = 0;
  for (const auto& tensor : header->tensors) {
    if (tensor.begin != running || tensor.end < tensor.begin) std::abort();
    running = tensor.end;
  }
  if (header->dataStart + running != size) std::abort();
  return 0;
}
