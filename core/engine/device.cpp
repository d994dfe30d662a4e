// Preparing the device in the one order that works: allocator, environment, CUDA library, threads, determinism.
#include "engine/device.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <c10/util/Exception.h>
#include <torch/csrc/api/include/torch/cuda.h>
#include <torch/headeronly/version.h>
#pragma GCC diagnostic pop

#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "base/clock.h"
#include "base/format.h"
#include "base/log.h"

namespace retort::engine {
namespace {

namespace fs = std::filesystem;

/// glibc would give large blocks back to the kernel at every step, and fault them in again: worth 30-70 % of a training step.
void tuneAllocator() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
}

/// Before CUDA starts: whole-segment allocation, and the workspace that deterministic cuBLAS needs. The user's own values stay.
void setEnvironment() {
  setenv("PYTORCH_ALLOC_CONF", "expandable_segments:True", 0);
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
}

/// The folder of the libtorch_cpu in this process.
fs::path torchFolder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) == 0 || !info.dli_fname) return {};
  std::error_code ignored;
  return fs::weakly_canonical(fs::path(info.dli_fname), ignored).parent_path();
}

/// Loads libtorch_cuda. Must come before any question about CUDA: torch decides once per process whether there is any.
std::string loadCuda() {
  const fs::path library = torchFolder() / "libtorch_cuda.so";
  std::error_code ignored;
  if (!fs::exists(library, ignored)) return "this libtorch has no CUDA part (" + library.string() + " does not exist)";
  if (!dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    const char* why = dlerror();
    return why ? why : "libtorch_cuda.so cannot be loaded";
  }
  return {};
}

std::string processorName() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return std::string(trimmed(line.substr(line.find(':') + 1)));
  return "CPU";
}

bool hasFlag(std::string_view flag) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("flags")) return (line + " ").find(" " + std::string(flag) + " ") != std::string::npos;
  return false;
}

std::uint64_t procValue(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) {
      std::istringstream numbers(line.substr(key.size()));
      std::uint64_t kib = 0;
      numbers >> kib;
      return kib * 1024;
    }
  return 0;
}

std::uint64_t numberIn(const char* file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  return in >> value ? value : 0;        // "max" reads as nothing: no limit
}

/// The version of the libtorch that runs, from its own text of build settings; the headers may be of another one.
std::string runningVersion() {
  const std::string config = at::show_config();
  constexpr std::string_view key = "TORCH_VERSION=";
  const std::size_t at = config.find(key);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + key.size();
  return config.substr(begin, config.find_first_of(", \n", begin) - begin);
}

/// 2.11 or newer, and of the same minor version as the headers: C++ promises no more.
Status checkVersion(const std::string& running) {
  int major = 0, minor = 0;
  std::sscanf(running.c_str(), "%d.%d", &major, &minor);
  const std::string why = major < 2 || (major == 2 && minor < 11) ? "Retort needs 2.11 or newer"
                          : major != TORCH_VERSION_MAJOR || minor != TORCH_VERSION_MINOR ? "this program was built for " TORCH_VERSION : "";
  if (why.empty()) return {};
  return Error{"engine.torch.version", "libtorch " + (running.empty() ? "of an unknown version" : running) + " cannot be used", torchFolder().string(),
               why, "Run packaging/setup, which installs the right one", {}, {}};
}

/// The wanted device, once CUDA has been asked for.
Result<c10::Device> choose(const std::string& wanted, const std::string& problem) {
  const auto available = [&] { return problem.empty() && torch::cuda::is_available(); };
  if (wanted == "cpu") return c10::Device(c10::kCPU);
  if (wanted == "auto") return available() ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  int index = 0;
  if (wanted != "cuda") {
    const std::string_view digits = std::string_view(wanted).substr(std::min<std::size_t>(5, wanted.size()));
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (!wanted.starts_with("cuda:") || ec != std::errc() || end != digits.data() + digits.size())
      return Error{"engine.device.unknown", "The device " + shown(wanted) + " is not known", "--device", "it is none of auto, cpu, cuda, cuda:N",
                   "Use one of these", {}, {}};
  }
  if (!available())
    return Error{"engine.device.missing", "No CUDA device can be used", wanted, problem.empty() ? "the driver shows none to this process" : problem,
                 "Use --device cpu, or run retort-cli doctor to see what is missing", problem, {}};
  const int count = torch::cuda::device_count();
  if (index < 0 || index >= count)
    return Error{"engine.device.missing", "The device " + wanted + " does not exist", wanted, "this machine has " + std::to_string(count) + " CUDA devices",
                 "Use cuda:0 to cuda:" + std::to_string(count - 1), {}, {}};
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

/// Threads first: OpenMP keeps one pool for the thread that computes.
void setThreads(int threads) {
  static const bool once = [] {
    at::set_num_interop_threads(1);
    return true;
  }();
  (void)once;
  at::set_num_threads(threads);
}

void setNumerics(bool cpu, bool deterministic) {
  auto& context = at::globalContext();
  // oneDNN's f32 product is twice as fast as MKL's on processors that are not Intel's and as exact, unless AMX makes it use bf16.
  context.setFloat32MatmulPrecision(cpu && !hasFlag("amx_bf16") ? "medium" : "highest");
  context.setDeterministicAlgorithms(deterministic, false);
  context.setDeterministicFillUninitializedMemory(false);
  // cuDNN's attention is not deterministic and makes plans anew for each shape.
  context.setSDPUseCuDNN(false);
}

}  // namespace

void tuneProcess() {
  tuneAllocator();
  setEnvironment();
}

int physicalCores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  std::set<std::pair<std::string, std::string>> cores;
  int logical = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    ++logical;
    const std::string base = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    std::string core, package;
    std::ifstream(base + "core_id") >> core;
    std::ifstream(base + "physical_package_id") >> package;
    if (!core.empty()) cores.emplace(package, core);
  }
  return std::max(1, cores.empty() ? logical : static_cast<int>(cores.size()));
}

Result<Device> initialise(const DeviceOptions& options) {
  tuneProcess();
  Device device;
  device.torchVersion = runningVersion();
  RETORT_CHECK(checkVersion(device.torchVersion));
  if (options.device != "cpu") device.cudaProblem = loadCuda();
  Result<c10::Device> chosen = Error{};
  RETORT_CHECK(guarded("Preparing the device", [&]() -> Status {
    chosen = choose(options.device, device.cudaProblem);
    if (!chosen.ok()) return chosen.error();
    device.device = *chosen;
    device.threads = options.threads > 0 ? options.threads : physicalCores();
    setThreads(device.threads);
    setNumerics(!device.isCuda(), options.deterministic);
    if (device.isCuda()) at::accelerator::setDeviceIndex(device.device.index());
    return {};
  }));
  device.name = device.isCuda() ? "CUDA device " + std::to_string(device.device.index()) : processorName();
  if (device.isCuda()) device.cudaProblem.clear();
  log(LogLevel::info, "engine", "device " + device.text() + " (" + device.name + "), " + std::to_string(device.threads) + " threads, libtorch " + device.torchVersion);
  return device;
}

MemoryInfo memoryInfo(const Device& device) {
  if (device.isCuda()) {
    const auto [free, total] = at::accelerator::getMemoryInfo(device.device.index());
    return {free, total};
  }
  MemoryInfo info{procValue("/proc/meminfo", "MemAvailable:"), procValue("/proc/meminfo", "MemTotal:")};
  const std::uint64_t limit = numberIn("/sys/fs/cgroup/memory.max");
  const std::uint64_t used = numberIn("/sys/fs/cgroup/memory.current");
  if (limit > 0 && limit < info.total) {
    info.total = limit;
    info.free = std::min(info.free, limit > used ? limit - used : 0);
  }
  return info;
}

std::string memorySentence(const Device& device) {
  const MemoryInfo info = memoryInfo(device);
  std::string text = formatBytes(info.free) + " are free of " + formatBytes(info.total);
  rlimit limit{};
  if (!device.isCuda() && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) text += ", and this process may have " + formatBytes(limit.rlim_cur);
  std::vector<std::pair<std::uint64_t, std::string>> others;
  std::error_code code;
  for (fs::directory_iterator it("/proc", code), end; !code && it != end; it.increment(code)) {
    const std::string pid = it->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == std::to_string(getpid())) continue;
    const std::uint64_t bytes = procValue((it->path() / "status").c_str(), "VmRSS:");
    std::string name;
    std::ifstream(it->path() / "comm") >> name;
    if (bytes > (64u << 20)) others.emplace_back(bytes, shown(name));
  }
  std::sort(others.rbegin(), others.rend());
  for (std::size_t i = 0; i < std::min<std::size_t>(2, others.size()); ++i)
    text += (i == 0 ? "; the largest others are " : " and ") + others[i].second + " (" + formatBytes(others[i].first) + ")";
  return text;
}

double productFlops(const Device& device, bool bf16) {
  double best = 0;
  const Status status = guarded("Measuring the device", [&]() -> Status {
    constexpr std::int64_t n = 1024;
    const at::Tensor a = at::full({n, n}, 0.5, at::TensorOptions().dtype(bf16 ? at::kBFloat16 : at::kFloat).device(device.device));
    for (int i = 0; i < 6; ++i) {
      synchronise(device);
      const double began = monotonicSeconds();
      const at::Tensor c = at::mm(a, a);
      synchronise(device);
      if (i > 0) best = std::max(best, 2.0 * n * n * n / std::max(1e-9, monotonicSeconds() - began));
    }
    return {};
  });
  return status.ok() ? best : 0;
}

std::uint64_t usedBytes(const Device& device) {
  if (!device.isCuda()) return procValue("/proc/self/status", "VmRSS:");
  return static_cast<std::uint64_t>(at::accelerator::getDeviceStats(device.device.index()).allocated_bytes[0].current);
}

void resetPeak(const Device& device) {
  if (device.isCuda()) {
    at::accelerator::resetPeakStats(device.device.index());
    return;
  }
  std::ofstream("/proc/self/clear_refs") << "5";
}

std::uint64_t peakBytes(const Device& device) {
  if (!device.isCuda()) return procValue("/proc/self/status", "VmHWM:");
  const auto stats = at::accelerator::getDeviceStats(device.device.index());
  return static_cast<std::uint64_t>(stats.reserved_bytes[0].peak);
}

void synchronise(const Device& device) {
  if (device.isCuda()) at::accelerator::synchronizeDevice(device.device.index());
}

namespace {

/// Whether so little memory is left that a library's own failures are that.
bool isMemoryScarce() {
  constexpr std::uint64_t kLittle = 256u << 20;
  if (memoryInfo(Device{}).free < kLittle) return true;
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && procValue("/proc/self/status", "VmSize:") + kLittle > limit.rlim_cur;
}

Error memoryShort(const char* what, const char* where, const char* why, std::string detail) {
  return {"engine.memory.short", std::string(what) + " ran out of memory", where, why, "Use a smaller batch, shorter texts or a smaller model", std::move(detail), {}};
}

}  // namespace

Status guarded(const char* what, const std::function<Status()>& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& e) {
    return memoryShort(what, "the device", "it has not enough free memory for this batch", e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return memoryShort(what, "main memory", "the system gave no more", {});
  } catch (const c10::Error& e) {
    const std::string text = e.what_without_backtrace();
    // The CPU's allocator reports lack of memory as an ordinary error.
    if (text.find("DefaultCPUAllocator: ") != std::string::npos) return memoryShort(what, "main memory", "the system gave no more", text);
    if (isMemoryScarce()) return memoryShort(what, "main memory", "a library could not get what it needs", text);
    return Error{"engine.torch.failed", std::string(what) + " failed", "libtorch", text.substr(0, text.find('\n')), "Run retort-worker selftest; report the detail if it passes", text, {}};
  } catch (const std::exception& e) {
    if (isMemoryScarce()) return memoryShort(what, "main memory", "a library could not get what it needs", e.what());
    return Error{"engine.torch.failed", std::string(what) + " failed", "libtorch", e.what(), "Run retort-worker selftest; report the detail if it passes", e.what(), {}};
  }
}

}  // namespace retort::engine
