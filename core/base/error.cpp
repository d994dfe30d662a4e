// Errors as sentences.
#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace retort {

std::string Error::text() const {
  std::string out = what;
  if (!where.empty()) out += out.empty() ? where : " (" + where + ")";
  if (!why.empty()) out += out.empty() ? why : ": " + why;
  if (!out.empty() && std::string_view(".?!").find(out.back()) == std::string_view::npos) out += '.';
  if (!next.empty()) {
    out += ' ' + next;
    if (std::string_view(".?!").find(out.back()) == std::string_view::npos) out += '.';
  }
  return out;
}

std::string shown(std::string_view foreign) {
  constexpr std::size_t kLongest = 200;
  std::string out;
  for (const char c : foreign) {
    if (out.size() >= kLongest) {
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();  // a cut code point
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
      return out + "…";
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", byte);
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : escaped;
    } else {
      out += c;
    }
  }
  return out;
}

Error systemError(std::string_view code, std::string_view action, std::string_view path, int errnoValue) {
  Error e;
  e.code = code;
  const std::string_view done = action == "write" ? "written" : action == "open" ? "opened" : action;
  e.what = std::string(path) + " cannot be " + std::string(done);
  e.detail = std::strerror(errnoValue);
  switch (errnoValue) {
    case ENOSPC: case EDQUOT: e.code = "base.disk.full"; e.why = "the disk is full"; e.next = "Free some space, then try again."; break;
    case EACCES: case EPERM: e.why = "this user may not do that there"; e.next = "Change the permissions, or choose another place."; break;
    case EROFS: e.why = "the file system is read-only"; e.next = "Choose another place."; break;
    case ENOENT: e.why = "it does not exist"; e.next = "Check the path."; break;
    case EFBIG: e.why = "it would be larger than this user's limit or the file system allows"; e.next = "Raise the limit (ulimit -f), or choose another place."; break;
    case EISDIR: e.why = "it is a folder"; e.next = "Name a file."; break;
    case ENOTDIR: e.why = "a part of the path is not a folder"; e.next = "Check the path."; break;
    case EMFILE: case ENFILE: e.why = "too many files are open"; e.next = "Close other programs, or raise the limit (ulimit -n)."; break;
    default: e.why = e.detail; break;
  }
  return e;
}

Error cancelledError(std::string_view what) {
  return Error{std::string(kCancelled), std::string(what) + " was cancelled", {}, {}, {}, {}, {}};
}

}  // namespace retort
