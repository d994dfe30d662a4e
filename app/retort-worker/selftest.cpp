// retort-worker selftest: is this device fit to compute? Needs no file.
#include <cstdio>

#include "app/retort-worker/worker.h"
#include "base/json.h"
#include "engine/benchmark.h"
#include "engine/self_test.h"

namespace retort::worker {
namespace {

int run(const std::vector<std::string>& args) {
  Options options(args);
  const engine::DeviceOptions wanted = deviceOptions(options);
  const bool asJson = options.flag("--json");
  const bool quick = options.flag("--quick");
  if (const std::string problem = options.problem(); !problem.empty()) return usageError(problem);
  const auto device = engine::initialise(wanted);
  if (!device.ok()) return fail(device.error());
  const auto checks = engine::selfTest(*device);
  Json list = Json::array();
  int failed = 0;
  if (!asJson)
    std::printf("%s (%s), %d threads, libtorch %s%s%s\n", device->text().c_str(), device->name.c_str(), device->threads, device->torchVersion.c_str(),
                device->cudaProblem.empty() ? "" : "; no CUDA: ", device->cudaProblem.c_str());
  for (const auto& check : checks) {
    failed += !check.passed();
    list.push_back({{"name", check.name}, {"error", jsonNumber(check.error)}, {"tolerance", check.tolerance}, {"passed", check.passed()}});
    if (!asJson) std::printf("%s  %s: error %.2g of %.2g\n", check.passed() ? "ok    " : "FAILED", check.name.c_str(), check.error, check.tolerance);
  }
  Json figures;
  if (!quick) {
    engine::BenchmarkOptions bench;
    bench.layers = 4;
    bench.seconds = 0.3;
    const auto measured = engine::benchmark(*device, bench);
    if (!measured.ok()) return fail(measured.error());
    figures = *measured;
    if (!asJson)
      std::printf("products %.0f (f32) and %.0f (bf16) GFLOP/s, memory copies %.0f MB/s\n", numberOf(figures["products"]["f32"], 0),
                  numberOf(figures["products"]["bf16"], 0), numberOf(figures["copy_mb_s"], 0));
  }
  if (asJson)
    std::printf("%s\n", Json{{"device", device->text()}, {"name", device->name}, {"threads", device->threads}, {"torch", device->torchVersion},
                             {"cuda_problem", device->cudaProblem}, {"checks", list}, {"failed", failed}, {"figures", figures}}.dump(2).c_str());
  else
    std::printf("%d of %zu checks failed\n", failed, checks.size());
  return failed == 0 ? 0 : 1;
}

const Registration registration{{"selftest", "[--device D] [--threads N] [--quick] [--json]", "Hold this device against exact arithmetic and the CPU.", run}};

}  // namespace
}  // namespace retort::worker
