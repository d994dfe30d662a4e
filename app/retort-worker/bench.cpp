// retort-worker bench: this device's figures as JSON, without any file.
#include <cstdio>

#include "app/retort-worker/worker.h"
#include "engine/benchmark.h"

namespace retort::worker {
namespace {

int run(const std::vector<std::string>& args) {
  Options options(args);
  const engine::DeviceOptions deviceWanted = deviceOptions(options);
  engine::BenchmarkOptions bench;
  bench.layers = options.number("--layers", bench.layers);
  bench.f32 = options.flag("--f32");
  if (const std::string problem = options.problem(); !problem.empty()) return usageError(problem);
  if (bench.layers < 1 || bench.layers > 200) return usageError("--layers must be between 1 and 200");
  const auto device = engine::initialise(deviceWanted);
  if (!device.ok()) return fail(device.error());
  const auto result = engine::benchmark(*device, bench);
  if (!result.ok()) return fail(result.error());
  std::printf("%s\n", result->dump(2).c_str());
  return 0;
}

const Registration registration{{"bench", "[--device D] [--threads N] [--layers N] [--f32]", "Measure this device; prints JSON.", run}};

}  // namespace
}  // namespace retort::worker
