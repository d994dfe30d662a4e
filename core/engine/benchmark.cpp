// Throughput measurements.
#include "engine/benchmark.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#pragma GCC diagnostic pop

#include <algorithm>

#include "base/clock.h"
#include "engine/kv_cache.h"

namespace retort::engine {
namespace {

/// Best seconds of one call, repeated for about `budget` seconds after one warm-up.
double bestSeconds(const Device& device, double budget, const std::function<void()>& work) {
  work();
  synchronise(device);
  double best = 1e30;
  const double end = monotonicSeconds() + budget;
  int rounds = 0;
  do {
    const double begin = monotonicSeconds();
    work();
    synchronise(device);
    best = std::min(best, monotonicSeconds() - begin);
  } while (++rounds < 2 || monotonicSeconds() < end);
  return best;
}

double productGflops(const Device& device, at::ScalarType type, double budget) {
  const std::int64_t n = device.isCuda() ? 4096 : 1024;
  const auto options = at::TensorOptions().device(device.device).dtype(type);
  const at::Tensor a = at::ones({n, n}, options), b = at::ones({n, n}, options);
  const double seconds = bestSeconds(device, budget, [&] { at::linear(a, b); });
  return 2.0 * static_cast<double>(n * n * n) / seconds / 1e9;
}

double copyMegabytes(const Device& device, double budget) {
  const at::Tensor from = at::ones({64 << 20}, at::TensorOptions().device(device.device).dtype(at::kByte));
  at::Tensor to = at::empty_like(from);
  return 2 * 67.108864 / bestSeconds(device, budget, [&] { to.copy_(from); });
}

double decodeRate(const Device& device, const Decoder& decoder, std::int64_t rows, double budget) {
  KvCache cache = KvCache::make(decoder, rows, 512);
  const at::Tensor prompt = at::randint(decoder.config.vocab, {rows, 64}, at::TensorOptions().dtype(at::kLong)).to(device.device);
  forwardCached(decoder, prompt, cache);
  at::Tensor next = prompt.narrow(1, 0, 1);
  // Rounds of 8 tokens; the cache goes back to the prompt's end so that each round costs the same.
  const double seconds = bestSeconds(device, budget, [&] {
    cache.lengths.assign(static_cast<std::size_t>(rows), 64);
    for (int i = 0; i < 8; ++i) next = at::argmax(logitsOf(decoder, forwardCached(decoder, next, cache).select(1, 0)), -1).view({rows, 1});
  });
  return 8.0 * static_cast<double>(rows) / seconds;
}

std::int64_t weightBytesOf(const Decoder& decoder) {
  std::int64_t bytes = 0;
  forEachParameter(decoder, [&](const std::string&, const at::Tensor& tensor) { bytes += static_cast<std::int64_t>(tensor.nbytes()); });
  return bytes;
}

Json modelFigures(const Device& device, const Decoder& decoder, double budget) {
  const at::Tensor prompt = at::randint(decoder.config.vocab, {1, 512}, at::TensorOptions().dtype(at::kLong)).to(device.device);
  const double prefill = bestSeconds(device, budget, [&] {
    KvCache cache = KvCache::make(decoder, 1, 512);
    logitsOf(decoder, forwardCached(decoder, prompt, cache).select(1, 511));
  });
  const double one = decodeRate(device, decoder, 1, budget);
  Json out;
  out["prefill_512"] = jsonNumber(512 / prefill);
  out["decode_1"] = jsonNumber(one);
  out["decode_8"] = jsonNumber(decodeRate(device, decoder, 8, budget));
  out["decode_1_weights_mb_s"] = jsonNumber(one * static_cast<double>(weightBytesOf(decoder)) / 1e6);
  return out;
}

}  // namespace

models::DecoderConfig benchmarkConfig(int layers) {
  models::DecoderConfig config;
  config.family = "llama";
  config.vocab = 49152;
  config.hidden = 576;
  config.layers = layers;
  config.heads = 9;
  config.kvHeads = 3;
  config.headDim = 64;
  config.ffn = 1536;
  config.context = 8192;
  config.ropeTheta = 100000;
  return config;
}

Result<Json> benchmark(const Device& device, const BenchmarkOptions& options) {
  Json out;
  RETORT_CHECK(guarded("The benchmark", [&]() -> Status {
    const c10::NoGradGuard noGrad;
    out["device"] = device.text();
    out["name"] = device.name;
    out["threads"] = device.threads;
    out["torch"] = device.torchVersion;
    out["layers"] = options.layers;
    resetPeak(device);
    out["products"] = {{"f32", jsonNumber(productGflops(device, at::kFloat, options.seconds))},
                       {"bf16", jsonNumber(productGflops(device, at::kBFloat16, options.seconds))}};
    out["copy_mb_s"] = jsonNumber(copyMegabytes(device, options.seconds / 2));
    Decoder decoder = randomDecoder(benchmarkConfig(options.layers), at::kBFloat16, device.device, 1);
    out["weights_mb"] = jsonNumber(static_cast<double>(weightBytesOf(decoder)) / 1e6);
    out["bf16"] = modelFigures(device, decoder, options.seconds);
    if (options.f32) {
      decoder = randomDecoder(benchmarkConfig(options.layers), at::kFloat, device.device, 1);
      out["f32"] = modelFigures(device, decoder, options.seconds);
    }
    out["peak_bytes"] = peakBytes(device);
    return {};
  }));
  return out;
}

}  // namespace retort::engine
