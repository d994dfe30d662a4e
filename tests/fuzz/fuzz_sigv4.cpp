// Signatures of random paths, queries and headers: the canonical request equals that of a slow, plain second version.
// links: providers
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/hash.h"
#include "providers/sigv4.h"

namespace {

using namespace retort::providers;

std::string encode(const std::string& text, const std::string& keep) {
  const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" + keep;
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != std::string::npos && c != '\0') out += c;
    else out += "%" + std::string(1, "0123456789ABCDEF"[static_cast<unsigned char>(c) / 16]) + std::string(1, "0123456789ABCDEF"[static_cast<unsigned char>(c) % 16]);
  }
  return out;
}

std::string plainHeaders(const std::vector<std::pair<std::string, std::string>>& headers, std::string& names) {
  std::map<std::string, std::vector<std::string>> sorted;
  for (const auto& [name, value] : headers) {
    std::string v;
    for (const char c : value) v += c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    while (v.find("  ") != std::string::npos) v.replace(v.find("  "), 2, " ");
    while (!v.empty() && v.front() == ' ') v.erase(0, 1);
    while (!v.empty() && v.back() == ' ') v.pop_back();
    sorted[retort::lowerAscii(name)].push_back(v);
  }
  std::string out;
  for (const auto& [name, values] : sorted) {
    out += name + ":" + retort::join(values, ",") + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4000) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parts = retort::splitView(text, '\x01');
  SigningInput in{"POST", "/" + std::string(parts[0]), "", {{"host", "h"}}, parts.size() > 1 ? std::string(parts[1]) : "", "20150830T123600Z", "us-east-1", "bedrock"};
  for (std::size_t i = 2; i < parts.size() && i < 10; ++i) in.headers.emplace_back(i % 2 ? "X-One" : "x-two", std::string(parts[i]));
  in.normalisePath = false;
  const AwsCredentials key{"AKIDEXAMPLE", Secret("secret"), Secret()};
  const auto got = signV4(key, in);
  std::string names;
  const std::string lines = plainHeaders(in.headers, names);
  const std::string want = "POST\n" + encode(in.path, "/") + "\n\n" + lines + "\n" + names + "\n" + retort::sha256Hex(in.body);
  if (got.canonical != want || got.hex.size() != 64) std::abort();
  // A normalised path has no empty, "." or ".." segments; a query of any bytes is survived.
  in.normalisePath = true;
  in.query = in.body;
  const std::string canonical = signV4(key, in).canonical;
  const auto path = retort::splitView(canonical, '\n')[1];
  for (const std::string_view bad : {"//", "/./", "/../"})
    if (path.find(bad) != std::string_view::npos) std::abort();
  return 0;
}
