using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>struct btf: type information of the kernel, a module or an object file.</summary>
internal sealed class BtfHandle() : SafeHandle(0, ownsHandle: true)
{
    public BtfHandle(nint value) : this() => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Libbpf.BtfFree(handle);
        return true;
    }
}

/// <summary>BTF_KIND_* (include/uapi/linux/btf.h).</summary>
internal enum BtfKind
{
    Void = 0,
    Int = 1,
    Pointer = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Forward = 7,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    Function = 12,
    FunctionPrototype = 13,
    Float = 16,
    TypeTag = 18,
    Enum64 = 19,
}

/// <summary>Reads types by their id; 0 is void. A module's BTF is split: its ids go on where the kernel's end.</summary>
// SAFETY: libbpf has checked the whole BTF when it was loaded: counts and offsets in it are good. Types and strings live as long as the
// handle, which whoever uses this object disposes after its last use.
internal sealed unsafe class Btf : IDisposable
{
    private readonly BtfHandle _handle;

    private Btf(BtfHandle handle) => _handle = handle;

    /// <summary>Null without /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF), or where it cannot be read.</summary>
    public static Btf? OpenKernel() => Wrap(Libbpf.BtfLoadVmlinux());

    /// <param name="kernel">Must outlive the result.</param>
    public static Btf? OpenModule(string module, Btf kernel) => Wrap(Libbpf.BtfLoadModule(module, kernel._handle));

    public static Btf? OpenFile(string path) => Wrap(Libbpf.BtfParse(path, 0));

    /// <summary>Id of a FUNC, null when there is none of that name.</summary>
    public uint? FindFunction(string name) => Find(BtfKind.Function, name);

    /// <summary>The kernel's BTF has a typedef for each tracepoint that BPF can attach to.</summary>
    public bool HasTracepoint(string name) => HasTypedef($"btf_trace_{name}");

    /// <summary>Of the tracepoint's probes, without the first, their data; null: no such tracepoint. Only types, no names.</summary>
    public IReadOnlyList<BtfKind>? TracepointArguments(string name)
    {
        // typedef void (*btf_trace_NAME)(void *data, …)
        if (Find(BtfKind.Typedef, $"btf_trace_{name}") is not { } id)
            return null;
        return [.. Parameters(Target(Target(id))).Skip(1).Select(parameter => Kind(parameter.Type))];
    }

    public bool HasTypedef(string name) => Find(BtfKind.Typedef, name) is not null;

    // struct btf_type { u32 name_off, info, size_or_type }; kind in bits 24-28 of info, vlen in 0-15.
    public BtfKind Kind(uint id) => id == 0 ? BtfKind.Void : (BtfKind)((Type(id)[1] >> 24) & 0x1f);

    public string Name(uint id) => id == 0 ? "void" : Text(Type(id)[0]);

    /// <summary>A forward declaration may be of a union: kind_flag, bit 31.</summary>
    public bool IsUnionForward(uint id) => Type(id)[1] >> 31 != 0;

    /// <summary>What a pointer, typedef, qualifier or function refers to; the return type of a prototype.</summary>
    public uint Target(uint id) => Type(id)[2];

    /// <summary>struct btf_array { u32 type, index_type, nelems }</summary>
    public (uint Element, uint Count) Array(uint id)
    {
        var array = Type(id) + 3;
        return (array[0], array[2]);
    }

    /// <summary>struct btf_param { u32 name_off, type } each; no name and type 0 at the end is "...".</summary>
    public IReadOnlyList<(string Name, uint Type)> Parameters(uint prototype)
    {
        var type = Type(prototype);
        var parameters = new (string, uint)[type[1] & 0xffff];
        for (var i = 0; i < parameters.Length; i++)
            parameters[i] = (Text(type[3 + 2 * i]), type[4 + 2 * i]);
        return parameters;
    }

    /// <summary>Id of a type; null when there is none of that kind and name.</summary>
    public uint? Find(BtfKind kind, string name) => Libbpf.BtfFindByNameKind(_handle, name, (uint)kind) is > 0 and var id ? (uint)id : null;

    /// <summary>Bytes of an integer, struct, union or enum.</summary>
    public uint Size(uint id) => Type(id)[2];

    /// <summary>Of an integer: BTF_INT_SIGNED, in bits 24-27 of the word behind its type.</summary>
    public bool IsSigned(uint id) => (Type(id)[3] >> 24 & 1) != 0;

    /// <summary>The constants of an enum, empty when there is none of that name.</summary>
    public IReadOnlyDictionary<string, long> Enumerators(string enumeration)
        => Find(BtfKind.Enum, enumeration) is { } id ? Enumerators(id).ToDictionary(constant => constant.Name, constant => (long)constant.Value) : [];

    /// <summary>struct btf_enum { u32 name_off; s32 val } each.</summary>
    public IReadOnlyList<(string Name, int Value)> Enumerators(uint enumeration)
    {
        var type = Type(enumeration);
        var constants = new (string, int)[type[1] & 0xffff];
        for (var i = 0; i < constants.Length; i++)
            constants[i] = (Text(type[3 + 2 * i]), (int)type[4 + 2 * i]);
        return constants;
    }

    /// <summary>The struct is known in full, and has a member of that name right in it.</summary>
    public bool HasMember(string structure, string member) => Find(BtfKind.Struct, structure) is { } id && Members(id).Any(known => known.Name == member);

    /// <summary>
    /// struct btf_member { u32 name_off, type, offset } each. The offset is in bits; of a struct with bit fields (kind_flag) it is the low
    /// three bytes.
    /// </summary>
    public IReadOnlyList<(string Name, uint Type, uint BitOffset)> Members(uint structure)
    {
        var type = Type(structure);
        var members = new (string, uint, uint)[type[1] & 0xffff];
        for (var i = 0; i < members.Length; i++)
            members[i] = (Text(type[3 + 3 * i]), type[4 + 3 * i], type[5 + 3 * i]);
        return members;
    }

    public void Dispose() => _handle.Dispose();

    private static Btf? Wrap(nint btf) => btf == 0 ? null : new Btf(new BtfHandle(btf));

    private uint* Type(uint id)
    {
        var type = Libbpf.BtfTypeById(_handle, id);
        return type != null ? type : throw new InvalidOperationException($"BTF has no type {id}");
    }

    private string Text(uint offset) => Marshal.PtrToStringUTF8((nint)Libbpf.BtfNameByOffset(_handle, offset)) ?? "";
}
