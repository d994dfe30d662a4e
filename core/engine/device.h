// The device that computes: found and prepared once, in the one order that works, before anything else touches a tensor.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace retort::engine {

struct DeviceOptions {
  std::string device = "auto";       ///< auto | cpu | cuda | cuda:N
  int threads = 0;                   ///< 0: physical cores this process may use
  bool deterministic = false;        ///< the same bits at every run with the same thread count
};

struct Device {
  c10::Device device{c10::kCPU};
  int threads = 1;
  std::string name;                  ///< for people: the processor's or the card's name
  std::string torchVersion;
  std::string cudaProblem;           ///< why no CUDA device is used (dlerror's text), empty if one is or none was looked for
  [[nodiscard]] bool isCuda() const { return device.is_cuda(); }
  [[nodiscard]] std::string text() const { return device.str(); }    ///< "cpu", "cuda:0"
};

/// The part of initialise that comes before the process's first further thread and first large block: allocator and environment.
/// initialise does it too; a program that starts threads before the device calls it itself.
void tuneProcess();
/// Prepares allocator, environment, CUDA library, threads and determinism, in that order; call once, first, on the thread that
/// will make every torch call. Errors: "engine.torch.version", "engine.device.unknown", "engine.device.missing".
Result<Device> initialise(const DeviceOptions& options);

struct MemoryInfo {
  std::uint64_t free = 0, total = 0; ///< bytes, of the device (CPU: MemAvailable and MemTotal, less where a control group says so)
};
[[nodiscard]] MemoryInfo memoryInfo(const Device& device);
/// "1.2 GB are free of 24 GB; the largest others are python3 (3.1 GB) and …": how much is left, and who has the rest.
[[nodiscard]] std::string memorySentence(const Device& device);
/// FLOP/s of a product of 1024 x 1024 matrices in bf16 (or f32) on the device, the best of a few.
[[nodiscard]] double productFlops(const Device& device, bool bf16);
/// Starts a new measurement of the peak (CPU: clears VmHWM; CUDA: the allocator's peak).
void resetPeak(const Device& device);
/// Peak bytes since resetPeak: resident set on CPU, allocated bytes on CUDA.
[[nodiscard]] std::uint64_t peakBytes(const Device& device);
/// Bytes in use now: resident set on CPU, allocated bytes on CUDA.
[[nodiscard]] std::uint64_t usedBytes(const Device& device);
/// Waits for the device's queue; nothing to do on CPU.
void synchronise(const Device& device);

/// Runs `work` and turns torch's exceptions into Errors: out of memory "engine.memory.short", others "engine.torch.failed".
/// `what` names the work ("The forward pass").
Status guarded(const char* what, const std::function<Status()>& work);

/// Physical cores that this process may run on.
[[nodiscard]] int physicalCores();

}  // namespace retort::engine
