// GGUF headers: any bytes give a typed error, or a header whose every tensor lies inside the file.
// links: models
#include <cstdint>
#include <cstdlib>

#include "models/gguf.h"
#include "models/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::models;
  const auto header = parseGguf(std::as_bytes(std::span(data, size)), size, "fuzz");
  if (!header.ok()) {
    if (header.error().code.empty() || header.error().code == "models.gguf.window") std::abort();
    return 0;
  }
  for (const auto& tensor : header->tensors)
    if (header->dataOffset + tensor.offset + tensor.bytes > size) std::abort();
  (void)configFromGguf(*header, "fuzz");
  (void)vocabularyFromGguf(*header, "fuzz");
  return 0;
}
