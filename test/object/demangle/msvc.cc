// Compiled for Windows by the tests, for the sake of its names alone: each kind of name that clang can make.
typedef decltype(sizeof(0)) size_t;
namespace std { template<class T> struct initializer_list { const T*b; size_t n; };
 using nullptr_t = decltype(nullptr);
 struct strong_ordering { int v; static const strong_ordering less, equal, greater; };
 template<class R, class...A> struct coroutine_traits { using promise_type = typename R::promise_type; };
template<class P=void> struct coroutine_handle { static coroutine_handle from_address(void*) noexcept; void*
    address() const; template<class Q> coroutine_handle(coroutine_handle<Q>); coroutine_handle(); };
struct suspend_never { bool await_ready() noexcept { return true; } void await_suspend(coroutine_handle<>)
    noexcept {} void await_resume() noexcept {} };
 enum class align_val_t : size_t {};
 template<class T> struct allocator { T* allocate(size_t); };
 template<class T> struct char_traits {};
template<class C, class T=char_traits<C>, class A=allocator<C>> class basic_string { public:
    basic_string(const C*); ~basic_string(); basic_string(const basic_string&); basic_string& operator=(const
    basic_string&); template<class U> basic_string& append(U); static const size_t npos; C&
    operator[](size_t); const C& operator[](size_t) const; };
 typedef basic_string<char> string; typedef basic_string<wchar_t> wstring;
 template<class K,class V> struct pair { K first; V second; };
template<class T, class A=allocator<T>> class vector { public: void push_back(const T&); void push_back(T&&);
    template<class...X> T& emplace_back(X&&...); T* begin() noexcept; const T* begin() const noexcept; };
template<class K,class V,class A=allocator<pair<const K,V>>> class map { public: V& operator[](const K&);
    struct iterator { pair<const K,V>* operator->() const; }; iterator find(const K&); };
template<class F> class function; template<class R,class...A> class function<R(A...)> { public: R
    operator()(A...) const; template<class F> function(F); };
 class type_info { public: virtual ~type_info(); };
}
void* operator new(size_t, int); void operator delete(void*, int);
using std::string; using std::vector; using std::map;
struct task { struct promise_type { task get_return_object(); std::suspend_never initial_suspend();
    std::suspend_never final_suspend() noexcept; void return_void(); void unhandled_exception(); }; };
struct Aw { int x; }; std::suspend_never operator co_await(Aw);
task coro(int a) { co_await Aw{a}; co_return; }
void c1(int,char,short,long,long long,unsigned,unsigned char,signed char,unsigned short,unsigned long,unsigned
    long long,float,double,long double,bool,wchar_t,char16_t,char32_t,char8_t,decltype(nullptr)){}
void c2(int*,const int*,volatile int*,const volatile int*,int*const,int*volatile,int**,int*const*,const
    int*const*const*){}
void c3(int&,const int&,int&&,const int&&,int*&,int*&&,int(&)[3],int(*)[3][4],const int(*)[5],int(&&)[2]){}
void
    c4(void(*)(),int(*)(int),int(*(*)(int))(char),void(&)(),void(&&)(),void(*)(...),void(*)(int,...),void(*)()noexcept){}
struct S; class C; union U; enum E {}; enum class EC : char {};
void c5(S*,C&,U*,E,EC,const S&,S**,S&&,S*,C&,U*){}
struct S { int a; int f(int); int g() const; void h() volatile; void i() const volatile; void j() &; void k()
    &&; void l() const &; void m() const && noexcept; static int s; static int sf(); virtual void v(); virtual
    ~S(); int arr[3]; };
void c6(int S::*,const int S::*,int (S::*)(int),int (S::*)() const,void (S::*)() &,void (S::*)() const &&
    noexcept,int (S::*)[3],int S::**,S S::*, int S::*const){}
int S::f(int){return 0;} int S::g() const{return 0;} void S::h() volatile{} void S::i() const volatile{} void
    S::j()&{} void S::k()&&{} void S::l()const&{} void S::m()const&&noexcept{} int S::s; int S::sf(){return
    0;} void S::v(){} S::~S(){}
class Acc { private: int p(); static int ps(); virtual int pv(); static int pd; protected: int q(); static int
    qs(); virtual int qv(); static int qd; public: int r(); static int rs(); virtual int rv(); static int rd;
    static const int rc; static int (*fp)(int); static int* ip; static int arr[4]; static int Acc::*mp; static
    int (Acc::*mfp)(int); };
int Acc::p(){return 0;} int Acc::ps(){return 0;} int Acc::pv(){return 0;} int Acc::pd; int Acc::q(){return 0;}
    int Acc::qs(){return 0;} int Acc::qv(){return 0;} int Acc::qd; int Acc::r(){return 0;} int
    Acc::rs(){return 0;} int Acc::rv(){return 0;} int Acc::rd; const int Acc::rc=1; int (*Acc::fp)(int); int*
    Acc::ip; int Acc::arr[4]; int Acc::*Acc::mp; int (Acc::*Acc::mfp)(int);
int g1; const int g2=1; extern const int *const g3=&g2; volatile int g4; int* g5; const int* g6; int g7[2];
    int (*g8)[3]; int (*g9)(char); S* g10; int S::*g11; int (S::*g12)(int); int* const volatile g13=0;
    int*__restrict g14; __unaligned int* g15; const char g16[]="x"; extern const char* const g17[2]={"a","b"};
    thread_local int g18=*g5; int& g19=g1; int&& g20=3; const int* S::*g21; const int (S::*g22)[3];
struct Ops { Ops& operator=(const Ops&); Ops& operator=(Ops&&); Ops operator+(Ops) const; Ops operator-(Ops);
    Ops operator-(); Ops operator*(Ops); Ops& operator*(); Ops operator/(Ops); Ops operator%(Ops); Ops
    operator^(Ops); Ops operator&(Ops); Ops* operator&(); Ops operator|(Ops); Ops operator~(); bool
    operator!(); bool operator<(Ops); bool operator>(Ops); bool operator<=(Ops); bool operator>=(Ops); bool
    operator==(Ops); bool operator!=(Ops); Ops operator<<(int); Ops operator>>(int); Ops& operator+=(int);
    Ops& operator-=(int); Ops& operator*=(int); Ops& operator/=(int); Ops& operator%=(int); Ops&
    operator^=(int); Ops& operator&=(int); Ops& operator|=(int); Ops& operator<<=(int); Ops& operator>>=(int);
    bool operator&&(Ops); bool operator||(Ops); Ops& operator++(); Ops operator++(int); Ops& operator--(); Ops
    operator--(int); Ops operator,(int); Ops* operator->(); int operator->*(int); int operator()(int,...); int
    operator[](int); operator int(); operator const char*() const; explicit operator bool() const;
    template<class T> operator T*(); operator vector<int>(); using Fpt = int(*)(); operator Fpt();
    std::strong_ordering operator<=>(const Ops&) const; static void* operator new(size_t); static void*
    operator new[](size_t); static void operator delete(void*); static void operator delete[](void*); int x;
    Ops(int); Ops(const Ops&); template<class T> Ops(T*, int); ~Ops(); };
long double operator""_ld(long double x){return x;} int operator""_s(const char*,size_t){return 0;}
    template<char...c> int operator""_t(){return sizeof...(c);}
int lits(){ return "a"_s + 12_t; }
void useOps(Ops a, Ops b){ a=b; a=(Ops&&)b; a+b; a-b; -a; a*b; *a; a/b; a%b; a^b; a&b; &a; a|b; ~a; !a; a<b;
    a>b; a<=b; a>=b; a==b; a!=b; a<<1; a>>1;
    a+=1;a-=1;a*=1;a/=1;a%=1;a^=1;a&=1;a|=1;a<<=1;a>>=1;a&&b;a||b;++a;a++;--a;a--;a,1;a->x;
    a->*1;a(1,2);a[1];(int)a;(const char*)a;(bool)a; (double*)a; (vector<int>)a; (int(*)())a; a<=>b; new
    Ops(1); delete new Ops[2]{1,2}; delete[] &a; Ops((char*)0,1); }
template<class T> T tf(T){return T();} template<class...T> void tp(T...){} template<int N> void ti(){}
    template<bool B> void tb(){} template<auto A> void ta(){} template<template<class> class T> void tt(){}
    template<class T, T v> void tv(){} template<int* P> void tptr(){} template<int& R> void tr(){}
    template<int S::*M> void tm(){} template<int (S::*M)(int)> void tmf(){} template<int(*F)(char)> void
    tfn(){} template<class T> struct TT{ T x; template<class V> struct In{ V v; void f(T,V){} static T st; };
    TT(); ~TT(); template<class V> TT(V); template<class V> void m(V, T){} friend void fr(TT){} };
template<class T> TT<T>::TT(){} template<class T> TT<T>::~TT(){} template<class T> template<class V>
    TT<T>::TT(V):x(T()){} template<class T> template<class V> T TT<T>::In<V>::st;
template<char C> void tch(){} template<long long L> void tll(){} template<unsigned long long L> void tull(){}
    template<decltype(nullptr)> void tnull(){} template<E e> void te(){} template<EC e> void tec(){}
template<class...A> struct Pk { template<class...B> static void f(A..., B...){} }; template<int...I> struct
    Seq{}; template<class T, int...I> void sq(Seq<I...>, T){}
template<template<class...> class T, class...A> void tt2(T<A...>){}
struct MI1 { int a; void f(); }; struct MI2 { int b; virtual void g(); }; struct MI : MI1, MI2 { void h(); int
    c; }; struct VI : virtual MI1 { void h(); int c; }; struct __unspecified;
template<void (MI::*M)()> void tmi(){} template<void (VI::*M)()> void tvi(){} template<int MI::*M> void
    tmid(){} template<int VI::*M> void tvid(){}
struct Unspec; template<int Unspec::*M> void tud(){} template<void (Unspec::*M)()> void tuf(){} 
struct Unspec { int a; void f(); };
struct NT { int a; char b; constexpr bool operator==(const NT&) const = default; }; template<NT n> void
    tnt(){}
struct NT2 { int a[2]; const int* p; NT n; }; template<NT2 n> void tnt2(){} template<float F> void tfl(){}
    template<double F> void tdb(){}
union NU { int a; float b; }; struct NTU { NU u; }; template<NTU n> void tntu(){}
struct NTM { int S::*m; int (S::*f)(int); int& r; }; template<NTM n> void tntm(){}
int gi; int fch(char){return 0;}
template<const int& R> struct RefT {}; void reft(RefT<g2>){}
static void stat(){} namespace { int anon; struct AnonS { void f(){} template<class T> void g(T){} }; void
    anonf(AnonS, AnonS*){} namespace deep { void df(AnonS){} } }
namespace N1 { namespace N2 { struct X { struct Y { struct Z { void f(X,Y,Z){} }; }; }; inline namespace v1 {
    void vf(X, X::Y::Z){} } } }
void usetemplates(){ tf(1); tf('c'); tf(1.0); tf((int*)0); tf((const char*)0); tf(S()); tf(vector<int>());
    tf(map<string,vector<int>>()); tf(&S::f); tf(&S::a); tf(&fch); tf(nullptr);
    tf(TT<TT<int>>::In<TT<char>>()); tp(); tp(1); tp(1,2.0,"x",S());
    tp(vector<int>(),vector<int>(),vector<char>());
    ti<0>();ti<1>();ti<10>();ti<11>();ti<-1>();ti<-100>();ti<2147483647>();ti<(-2147483647-1)>();
    tb<true>();tb<false>();
    ta<1>();ta<'x'>();ta<true>();ta<&gi>();ta<&fch>();ta<&S::f>();ta<&S::a>();ta<nullptr>();ta<EC{3}>();ta<NT{1,'b'}>();
    ta<1.5>(); ta<&MI::h>(); ta<&MI::c>(); ta<&VI::h>(); ta<-5>(); tt<TT>(); tv<int,3>(); tv<S*,nullptr>();
    tv<int S::*,&S::a>(); tptr<&gi>(); tptr<nullptr>(); tr<gi>(); tm<&S::a>(); tm<nullptr>(); tmf<&S::f>();
    tmf<nullptr>(); tfn<fch>(); tfn<nullptr>(); tch<'a'>(); tll<(-9223372036854775807LL-1)>();
    tull<18446744073709551615ULL>(); tnull<nullptr>(); te<E(1)>(); tec<EC(5)>();
    Pk<int,char>::f<double>(1,'c',2.0); Pk<>::f<>(); Pk<>::f<int>(1); sq(Seq<1,2,3>(),1); sq(Seq<>(),1);
    tt2(vector<int>()); tmi<&MI::h>(); tmi<(void(MI::*)())&MI2::g>(); tmi<nullptr>(); tvi<&VI::h>();
    tvi<nullptr>(); tmid<&MI::c>(); tmid<nullptr>(); tvid<&VI::c>(); tvid<nullptr>(); tud<nullptr>();
    tuf<nullptr>(); tud<&Unspec::a>(); tuf<&Unspec::f>(); tnt<NT{1,'x'}>(); tnt2<NT2{{1,2},&g2,{3,'c'}}>();
    tnt2<NT2{{1,2},nullptr,{3,'c'}}>(); tfl<1.0f>(); tdb<-2.5>(); tntu<NTU{{1}}>(); tntu<NTU{{.b=1.0f}}>();
    tntm<NTM{&S::a,&S::f,gi}>(); TT<int> t1; TT<S> t2('c'); t1.m(1.0,1); t2.m(t1,S()); fr(t1);
    TT<int>::In<char> in; in.f(1,'c'); TT<int>::In<char>::st=1; anonf(AnonS(),0); AnonS().f();
    AnonS().g(AnonS()); deep::df(AnonS()); N1::N2::X::Y::Z().f({},{},{}); N1::N2::vf({}, {}); stat(); anon=1;
    }
template<class F> void call(F f){ f(1); } template<class F> auto ret(F f){ return f; }
int lambdas(int a){ auto l=[a](int x){ return x+a; }; call(l); call([](auto x){ return x; }); auto
    m=[&](auto... x) mutable noexcept { static int st; return ++st; }; m(1,2.0); auto n=[]<class T>(T x,
    vector<T>*){ return [x](int y){ return x+y; }; }; n(1,(vector<int>*)0)(2); +[](int){ return 1; }; ret([]{
    return ret([]{}); })(); struct Loc { void f(){ struct Inner { void g(){} }; Inner().g(); [this]{}(); } };
    Loc().f(); tf(Loc()); static Loc sl; return l(1); }
inline auto il=[](int x){ return x; }; int ilu=il(3); struct LM { int x=[]{ return 5; }(); void d(int a=[]{
    return 1; }()){} }; LM lm; void lmu(){ lm.d(); }
inline int& local_static(){ static int x = fch('a'); static S s; static thread_local S ts; return x; }
extern "C" int cfun(){ static int z=fch('b'); struct L{ int m(){ static int q; return q; } }; return
    L().m()+z; }
extern "C" { int cvar; void cstd(int){} }
inline S dyn_inline; template<class T> struct DynT { static S s; }; template<class T> S DynT<T>::s; void
    dynu(){ DynT<int>::s.f(1); } static S dyn_static; struct DynM { static inline S m; }; thread_local S
    dyn_tls; void tlsu(){ dyn_tls.f(1);dyn_static.f(1); }
struct VB { virtual void f(); virtual ~VB(); int x; }; struct VD1: virtual VB { virtual void g(); void f()
    override; VD1(); ~VD1(); }; struct VD2: virtual VB { virtual void h(); VD2(); }; struct VD3: VD1, VD2 {
    void f() override; VD3(); ~VD3() override; void g() override; void h() override; }; struct VM: MI2, VB {
    void f() override; void g() override; ~VM(); }; void VM::f(){} void VM::g(){} VM::~VM(){} void VB::f(){}
    VB::~VB(){} VD1::VD1(){} VD1::~VD1(){} void VD1::g(){} void VD1::f(){} VD2::VD2(){} void VD2::h(){} void
    VD3::f(){} void VD3::g(){} void VD3::h(){} VD3::VD3(){} VD3::~VD3(){}
struct Cov1 { virtual VB* c(); }; struct Cov2 : Cov1 { VD1* c() override; }; VD1* Cov2::c(){ return 0; }
class PrivTh : MI2, VB { private: void f() override; protected: ~PrivTh(); }; void PrivTh::f(){}
    PrivTh::~PrivTh(){}
auto pmf = &VB::f; auto pmf2=&VD3::h; void (VB::*pm3)() = &VB::f;
void throws(){ try { throw S(); } catch(const S&){ throw 1; } catch(VD3*){} catch(...){} throw (const S*)0; }
const char*
    strs[]={"hello","","a\nb\t\"q\"\\ \x01\xff","this is a much longer string literal, more than thirty-two bytes"};
    const wchar_t*
    ws[]={L"wide",L"",L"a longer wide string literal beyond thirty two chars \x4e00",L"\x4e00\n"}; const
    char16_t* u16[]={u"u16",u"longer u16 string that has more than 32 bytes"}; const char32_t*
    u32[]={U"u32",U"ab",U"longer u32 string with more than 32"}; const char8_t* u8s[]={u8"gr\u00f6\u00dfe"};
#ifdef __i386__
void __stdcall std_f(int){} void __fastcall fast_f(int,int){} void __vectorcall vec_f(double){} void
    __thiscall th_f(int); struct Conv { void __stdcall a(); void __fastcall b(); void __cdecl c(); void
    __vectorcall d(); }; void Conv::a(){} void Conv::b(){} void Conv::c(){} void Conv::d(){} void
    convp(void(__stdcall*)(int),void(__fastcall*)(int),void(__vectorcall*)(int),int (__stdcall
    Conv::*)(int)){} extern "C" void __stdcall cs(int){} extern "C" void __fastcall cf(int,int){} extern "C"
    void __vectorcall cv(double){}
#endif
#if !defined(__aarch64__) && !defined(__arm64ec__)
void __vectorcall vecf(double){}
#endif
 void __regcall regf(int){} __attribute__((swiftcall)) void swf(int){}
#ifdef __x86_64__
void addr(int __attribute__((address_space(1)))*, int* __restrict, const __unaligned int*, int
    __attribute__((vector_size(16))), _Complex double, __int128, unsigned __int128, _Float16){}
#endif
auto autof(){ return 1; } decltype(auto) dautof(int& x){ return (x); } auto autof2() -> int { return 1; } auto
    *autop(){ return &gi; } auto autostruct(){ struct R { int x; void m(){} }; return R(); } void autou(){
    autostruct().m(); }
template<class T> auto autot(T x){ return x; } int au1=autot(1); template<class T> constexpr T vt = T();
    template<class T> T vt2; int vtu(){ return vt<int>+vt2<int>+vt2<long>; }
void fnt(std::function<int(char)> f, std::function<void(S&,const S*)>, std::function<void() noexcept>*,
    TT<int[3]>*, TT<const int[3]>*, TT<const int>*, TT<int&>*, TT<int&&>*, TT<void() const>*, TT<void(...)
    volatile &>*, TT<int S::*>*, TT<void (S::*)(int) const>*, TT<const S* const>*){}
enum { AE1, AE2 }; struct { int x; } anonvar; typedef struct { int y; } TD; void td(TD, decltype(anonvar)*){}
    void ae(decltype(AE1)){} template<class T> void tae(T){} void taeu(){ tae(AE1); tae(anonvar); tae(TD());
    union { int a; float b; }; a=1; }
void many(S*,C*,U*,E,EC,int**,char**,short**,long**,float**,double**,S*,double**,float**){}
struct abcdefghij { void klm(abcdefghij, abcdefghij*, const abcdefghij&){} }; void nn(abcdefghij){}
template<class T> concept Cn=true; template<Cn T> void cnt(T){} template<class T> requires Cn<T> void rq(T){}
    void cnu(){ cnt(1); rq(1); }
struct Defcmp { int a; auto operator<=>(const Defcmp&) const; bool operator==(const Defcmp&) const = default;
    }; bool dcu(Defcmp a, Defcmp b){ return a==b; }
template<class T> struct Outer { enum En { A }; typedef int (T::*Mp)(En); void f(Mp, En, Outer<Outer>*) {}
    static int (*tab[3])(En); }; template<class T> int (*Outer<T>::tab[3])(typename Outer<T>::En); void ou(){
    Outer<S>().f(0,Outer<S>::A,0); Outer<S>::tab[0]=0; }
void arrs(int [3], int (*)[], int [][4], const char *const *const [], S (&)[2][3], void (*(&)[2])(int)){}
int
    verylongnamespacefunction_template(TT<TT<TT<TT<TT<TT<TT<TT<std::map<std::string,std::vector<std::pair<std::wstring,std::function<void(std::string,std::wstring)>>>>>>>>>>>>*){
    return 0; }
struct D0 { D0(); D0(int,...); D0(const D0&)=default; D0(D0&&); virtual ~D0()=0; int z=5; }; D0::D0(){}
    D0::D0(int,...){} D0::D0(D0&&){} D0::~D0(){}
struct __declspec(dllexport) Exp { Exp(int a=1){} virtual ~Exp(){} Exp(const Exp&, int b=2){} S arr[3]; }; 
void arrnew(){ delete[] new S[3]; S x[4]; throw Exp(); }
