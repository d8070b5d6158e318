using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Faultrec.Recorder.Symbols;

/// <summary>Demangles C++ names, and older Rust names, with the C++ runtime's own function; if that is not installed, names stay as they are.</summary>
// SAFETY: the function has this type in the C++ ABI; the name is pinned for the call and ends with a zero, and the result is ours to free.
internal static unsafe class Demangler
{
    private static readonly delegate* unmanaged[Cdecl]<byte*, byte*, nuint*, int*, byte*> CxaDemangle = Find();

    /// <summary>Loads the library now, for a process that cannot open it later.</summary>
    public static void Load() => RuntimeHelpers.RunClassConstructor(typeof(Demangler).TypeHandle);

    public static string Demangle(string name)
    {
        if (name.StartsWith("_R", StringComparison.Ordinal))
            return RustName.Demangle(name) ?? name;
        if (CxaDemangle == null || !name.StartsWith("_Z", StringComparison.Ordinal))
            return name;
        fixed (byte* mangled = Encoding.UTF8.GetBytes(name + '\0'))
        {
            int status;
            var text = CxaDemangle(mangled, null, null, &status);
            if (text == null)
                return name;
            var result = Marshal.PtrToStringUTF8((nint)text)!;
            NativeMemory.Free(text); // of malloc
            return RustName.Unescape(result);
        }
    }

    private static delegate* unmanaged[Cdecl]<byte*, byte*, nuint*, int*, byte*> Find()
        => NativeLibrary.TryLoad("libstdc++.so.6", out var library) && NativeLibrary.TryGetExport(library, "__cxa_demangle", out var function)
            ? (delegate* unmanaged[Cdecl]<byte*, byte*, nuint*, int*, byte*>)function
            : null;
}
