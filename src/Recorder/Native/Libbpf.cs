using System.Reflection;
using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>
/// libbpf 1.x (libbpf.h documents each call). Pointers to maps and programs belong to their object and die with it. The native
/// executable links libbpf.a; elsewhere the shared library is loaded.
/// </summary>
// SAFETY: declarations as in libbpf.h and bpf.h, nothing else; no function here keeps a pointer beyond its call, but for the log of
// ObjectOpenMem (EmbeddedObject) and the callback of RingBufferNew (RecordRing).
internal static unsafe partial class Libbpf
{
    private const string Library = "bpf";

    static Libbpf()
    {
        NativeLibrary.SetDllImportResolver(typeof(Libbpf).Assembly, Resolve);
        // Its messages on stderr would be noise beside our own; what it refuses comes back as errno and verifier log.
        _ = SetPrint(0);
    }

    /// <summary>struct bpf_object_open_opts up to the kernel log members (libbpf 0.8).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ObjectOpenOptions
    {
        public nuint Size;
        public byte* ObjectName;
        public byte RelaxedMaps;
        public byte* PinRootPath;
        public uint Reserved;
        public byte* Kconfig;
        public byte* BtfCustomPath;
        public byte* KernelLogBuffer;
        public nuint KernelLogSize;
        public uint KernelLogLevel;
    }

    [LibraryImport(Library, EntryPoint = "libbpf_set_print")]
    private static partial nint SetPrint(nint function);

    [LibraryImport(Library, EntryPoint = "bpf_object__open_mem", SetLastError = true)]
    public static partial nint ObjectOpenMem(byte* bytes, nuint size, ObjectOpenOptions* options);

    [LibraryImport(Library, EntryPoint = "bpf_object__load")]
    public static partial int ObjectLoad(ObjectHandle bpfObject);

    [LibraryImport(Library, EntryPoint = "bpf_object__close")]
    public static partial void ObjectClose(nint bpfObject);

    [LibraryImport(Library, EntryPoint = "bpf_object__find_map_by_name", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ObjectFindMapByName(ObjectHandle bpfObject, string name);

    [LibraryImport(Library, EntryPoint = "bpf_object__next_map")]
    public static partial nint ObjectNextMap(ObjectHandle bpfObject, nint map);

    [LibraryImport(Library, EntryPoint = "bpf_object__next_program")]
    public static partial nint ObjectNextProgram(ObjectHandle bpfObject, nint program);

    [LibraryImport(Library, EntryPoint = "bpf_map__name")]
    public static partial byte* MapName(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__fd")]
    public static partial int MapFd(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map_get_next_key")]
    public static partial int MapGetNextKey(int map, void* key, void* next);

    [LibraryImport(Library, EntryPoint = "bpf_map_lookup_elem")]
    public static partial int MapLookupElement(int map, void* key, void* value);

    [LibraryImport(Library, EntryPoint = "bpf_map_update_elem")]
    public static partial int MapUpdateElement(int map, void* key, void* value, ulong flags);

    [LibraryImport(Library, EntryPoint = "bpf_map_lookup_and_delete_elem")]
    public static partial int MapLookupAndDeleteElement(int map, void* key, void* value);

    [LibraryImport(Library, EntryPoint = "bpf_map__set_max_entries")]
    public static partial int MapSetMaxEntries(nint map, uint entries);

    [LibraryImport(Library, EntryPoint = "bpf_map__set_value_size")]
    public static partial int MapSetValueSize(nint map, uint bytes);

    [LibraryImport(Library, EntryPoint = "bpf_map__initial_value")]
    public static partial void* MapInitialValue(nint map, nuint* size);

    [LibraryImport(Library, EntryPoint = "bpf_program__name")]
    public static partial byte* ProgramName(nint program);

    [LibraryImport(Library, EntryPoint = "bpf_program__attach", SetLastError = true)]
    public static partial nint ProgramAttach(nint program);

    [LibraryImport(Library, EntryPoint = "bpf_program__attach_kprobe", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ProgramAttachKprobe(nint program, [MarshalAs(UnmanagedType.I1)] bool atReturn, string function);

    [LibraryImport(Library, EntryPoint = "bpf_program__fd")]
    public static partial int ProgramFd(nint program);

    [LibraryImport(Library, EntryPoint = "bpf_link__fd")]
    public static partial int LinkFd(nint link);

    [LibraryImport(Library, EntryPoint = "bpf_link__destroy")]
    public static partial int LinkDestroy(nint link);

    [LibraryImport(Library, EntryPoint = "bpf_iter_create")]
    public static partial int IterCreate(int linkFd);

    [LibraryImport(Library, EntryPoint = "ring_buffer__new", SetLastError = true)]
    public static partial nint RingBufferNew(int mapFd, delegate* unmanaged[Cdecl]<void*, void*, nuint, int> sample, nint context, nint options);

    [LibraryImport(Library, EntryPoint = "ring_buffer__consume")]
    public static partial int RingBufferConsume(RingBufferHandle ring);

    [LibraryImport(Library, EntryPoint = "ring_buffer__epoll_fd")]
    public static partial int RingBufferEpollFd(RingBufferHandle ring);

    [LibraryImport(Library, EntryPoint = "ring_buffer__free")]
    public static partial void RingBufferFree(nint ring);

    [LibraryImport(Library, EntryPoint = "bpf_object__find_program_by_name", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ObjectFindProgramByName(ObjectHandle bpfObject, string name);

    [LibraryImport(Library, EntryPoint = "bpf_program__set_autoload")]
    public static partial int ProgramSetAutoload(nint program, [MarshalAs(UnmanagedType.U1)] bool autoload);

    [LibraryImport(Library, EntryPoint = "bpf_program__set_attach_target", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ProgramSetAttachTarget(nint program, int programFd, string function);

    [LibraryImport(Library, EntryPoint = "btf__load_vmlinux_btf", SetLastError = true)]
    public static partial nint BtfLoadVmlinux();

    [LibraryImport(Library, EntryPoint = "btf__load_module_btf", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint BtfLoadModule(string module, BtfHandle kernel);

    [LibraryImport(Library, EntryPoint = "btf__parse", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint BtfParse(string path, nint extensions);

    [LibraryImport(Library, EntryPoint = "btf__free")]
    public static partial void BtfFree(nint btf);

    [LibraryImport(Library, EntryPoint = "btf__find_by_name_kind", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int BtfFindByNameKind(BtfHandle btf, string name, uint kind);

    [LibraryImport(Library, EntryPoint = "btf__type_by_id")]
    public static partial uint* BtfTypeById(BtfHandle btf, uint id);

    [LibraryImport(Library, EntryPoint = "btf__name_by_offset")]
    public static partial byte* BtfNameByOffset(BtfHandle btf, uint offset);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
        => name is Library or Libdw.Library or Libdw.ElfLibrary && NativeLibrary.TryLoad($"lib{name}.so.1", out var handle) ? handle : 0;
}
